BEGIN TRANSACTION;
CREATE TABLE _counters (
  tbl TEXT NOT NULL, field TEXT NOT NULL, period TEXT NOT NULL, number INTEGER NOT NULL,
  sum INTEGER NOT NULL, PRIMARY KEY (tbl, field, period)) WITHOUT ROWID;
INSERT INTO "_counters" VALUES('bill','code','',1,695271570);
CREATE TABLE _log (
  seq INTEGER PRIMARY KEY, at TEXT NOT NULL, sum INTEGER NOT NULL,
  client TEXT, ref, user TEXT, counters TEXT NOT NULL, changes TEXT NOT NULL);
INSERT INTO "_log" VALUES(1,'2025-10-29T12:00:00.000Z',3909497933,'till','1',NULL,'[]','[{"table":"item","id":"a","was":0,"row":{"id":"a","name":"شاي","email":"a@x","qty":9007199254740992,"price":0.000000001,"sold":true,"made_on":"2025-01-02","seen_at":"2025-01-02T03:04:05.000Z","info":{"n":[1,2.5,null,true,"😀"]},"select":"x"},"old":null}]');
INSERT INTO "_log" VALUES(2,'2025-10-29T12:00:01.000Z',913601943,NULL,NULL,NULL,'[]','[{"table":"item","id":"b","was":0,"row":{"id":"b","name":null,"email":null,"qty":1,"price":-12345.6789,"sold":false,"made_on":null,"seen_at":null,"info":null,"select":null},"old":null}]');
INSERT INTO "_log" VALUES(3,'2025-10-29T12:00:02.000Z',1422994897,NULL,NULL,NULL,'[]','[{"table":"item","id":"a","was":1,"row":{"id":"a","name":"coffee","email":"a@x","qty":9007199254740992,"price":0.000000001,"sold":true,"made_on":"2025-01-02","seen_at":"2025-01-02T03:04:05.000Z","info":null,"select":"x"},"old":{"name":"شاي","info":{"n":[1,2.5,null,true,"😀"]}}}]');
INSERT INTO "_log" VALUES(4,'2025-10-29T12:00:03.000Z',2612105944,'till','2',NULL,'[{"table":"bill","field":"code","period":"","number":1}]','[{"table":"bill","id":"1","was":0,"row":{"id":"1","code":"B1"},"old":null}]');
INSERT INTO "_log" VALUES(5,'2025-10-29T12:00:04.000Z',2258332265,NULL,NULL,NULL,'[]','[{"table":"item","id":"b","was":2,"row":null,"old":{"id":"b","name":null,"email":null,"qty":1,"price":-12345.6789,"sold":false,"made_on":null,"seen_at":null,"info":null,"select":null}}]');
CREATE TABLE _meta (
  key TEXT PRIMARY KEY NOT NULL, value, sum INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO "_meta" VALUES('epoch','a74927a88df8d8c2',3264867794);
INSERT INTO "_meta" VALUES('format',1,2498422731);
INSERT INTO "_meta" VALUES('head','{"seq":5,"schema":0,"tables":{"item":[1,2527096213],"bill":[1,3996549597]},"names":[2,3813386414],"log":[5,11116532982],"counters":[1,695271570]}',3676631519);
INSERT INTO "_meta" VALUES('schema','{"tables":{"item":{"fields":{"id":{"type":"text","primaryKey":true},"name":{"type":"text"},"email":{"type":"text","unique":true},"qty":{"type":"integer"},"price":{"type":"decimal"},"sold":{"type":"boolean"},"made_on":{"type":"date"},"seen_at":{"type":"timestamp"},"info":{"type":"json"},"select":{"type":"text"}},"indexes":[{"fields":["name"]},{"fields":["qty","sold"],"unique":true}]},"bill":{"fields":{"id":{"type":"text","primaryKey":true},"code":{"type":"text"}}}}}',2482496075);
INSERT INTO "_meta" VALUES('sql','CREATE TABLE IF NOT EXISTS "item" (
  "id" TEXT PRIMARY KEY NOT NULL,
  "name" TEXT,
  "email" TEXT,
  "qty" INTEGER,
  "price" NUMERIC,
  "sold" INTEGER,
  "made_on" TEXT,
  "seen_at" TEXT,
  "info" TEXT,
  "select" TEXT,
  _seq INTEGER NOT NULL,
  _sum INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS "idx_item_name"
ON "item"("name");
CREATE UNIQUE INDEX IF NOT EXISTS "idx_item_qty_sold"
ON "item"("qty", "sold");
CREATE UNIQUE INDEX IF NOT EXISTS "idx_item_email"
ON "item"("email");
CREATE TABLE IF NOT EXISTS "bill" (
  "id" TEXT PRIMARY KEY NOT NULL,
  "code" TEXT,
  _seq INTEGER NOT NULL,
  _sum INTEGER NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS "idx_bill_code"
ON "bill"("code")',2919594281);
CREATE TABLE _names (
  client TEXT NOT NULL, ref TEXT NOT NULL, seq INTEGER NOT NULL, digest BLOB NOT NULL,
  sum INTEGER NOT NULL, PRIMARY KEY (client, ref)) WITHOUT ROWID;
INSERT INTO "_names" VALUES('till','1',1,X'A71E1281D26977CFC212E2DBC4899D79',3764969004);
INSERT INTO "_names" VALUES('till','2',4,X'2C3A56AB0637B4BE5D85C1065E83B426',48417410);
CREATE TABLE "bill" (
  "id" TEXT PRIMARY KEY NOT NULL,
  "code" TEXT,
  _seq INTEGER NOT NULL,
  _sum INTEGER NOT NULL
);
INSERT INTO "bill" VALUES('1','B1',4,3996549597);
CREATE TABLE "item" (
  "id" TEXT PRIMARY KEY NOT NULL,
  "name" TEXT,
  "email" TEXT,
  "qty" INTEGER,
  "price" NUMERIC,
  "sold" INTEGER,
  "made_on" TEXT,
  "seen_at" TEXT,
  "info" TEXT,
  "select" TEXT,
  _seq INTEGER NOT NULL,
  _sum INTEGER NOT NULL
);
INSERT INTO "item" VALUES('a','coffee','a@x',9007199254740992,1.0e-09,1,'2025-01-02','2025-01-02T03:04:05.000Z',NULL,'x',3,2527096213);
CREATE INDEX "idx_item_name"
ON "item"("name");
CREATE UNIQUE INDEX "idx_item_qty_sold"
ON "item"("qty", "sold");
CREATE UNIQUE INDEX "idx_item_email"
ON "item"("email");
CREATE UNIQUE INDEX "idx_bill_code"
ON "bill"("code");
COMMIT;
