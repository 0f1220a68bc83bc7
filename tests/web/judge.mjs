// Reads {schema, rows, commands} from stdin; writes of each command what the browser says of it, and how it
// would send it.

import { readFileSync } from "node:fs";

import { opsOf } from "../../mishkah/web/client/commands.js";
import { judge } from "../../mishkah/web/client/rules.js";

const { schema, rows, commands } = JSON.parse(readFileSync(0, "utf-8"));
const rowOf = (table, id) => rows[table]?.[id];
const said = commands.map((command) => {
  const no = judge(schema, opsOf(command), !!command.ops, rowOf);
  return no && { code: no.code, text: no.text, more: no.more, details: no.details };
});
process.stdout.write(JSON.stringify({ said: said.map((one) => one ?? null), sent: commands.map((one) => JSON.stringify(one)) }));
