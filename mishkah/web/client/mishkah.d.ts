export type Token = string | ((again: boolean) => string | Promise<string>);
export type Options = {
    branchId: string;
    moduleId: string;
    /**
     * who asks, where it is no cookie that tells; a function is asked before each HELLO
     */
    token?: Token;
    /**
     * what is shown: all unless given
     */
    tables?: string[];
    /**
     * false: nothing is kept on this device
     */
    outbox?: boolean;
    /**
     * of the server, where it is not the one that this module is from
     */
    url?: string;
    /**
     * "ar" for Arabic messages of errors; `text` has both languages anyway
     */
    lang?: string;
    /**
     * who is here, where the page knows it before the server has told
     */
    user?: string;
};
export type Cursor = {
    epoch: string;
    seq: number;
};
export type Text = {
    ar: string;
    en: string;
};
export type Refusal = Error & {
    code: string;
    path: string;
    text: Text;
    more: number;
    current?: any;
    details: {
        path: string;
        rule: string;
        message: string;
        text: Text;
    }[];
};
export type Status = {
    state: "starting" | "offline" | "waiting" | "connecting" | "catching up" | "live" | "signed out" | "refused" | "closed";
    /**
     * the same for people
     */
    text: Text;
    /**
     * of the last refusal, or ""
     */
    code: string;
    /**
     * whether writes outlive this page
     */
    storage: "ok" | "full" | "none" | "off";
    /**
     * writes of other users of this device, which wait for them
     */
    others: number;
    /**
     * who the server takes us for; "" is nobody by name
     */
    user: string | null;
};
export type Change<T> = {
    operation: "INSERT" | "UPDATE" | "DELETE";
    table: string;
    id: string;
    old: T | null;
    new: T | null;
    left: boolean;
};
export type Write<T> = Promise<T> & {
    ref: string;
    saved: Promise<boolean>;
};
export type How = {
    base?: boolean | Cursor;
    add?: Record<string, number>;
    ref?: string;
};
export type Command = {
    type: string;
    table?: string;
    id?: string;
    data?: any;
    changes?: any;
    add?: any;
    ops?: any[];
};
export type Rejected = {
    ref: string;
    command: Command;
    error: Refusal;
    send(edited?: Command): Write<any>;
    discard(): void;
};
export type Filter<T> = Partial<T> | ((row: T) => boolean);
export type Transaction<T> = {
    insert<K extends keyof T & string>(table: K, data: NewOf<T, K>): void;
    update<K extends keyof T & string>(table: K, id: string | Partial<RowOf<T, K>>, changes?: ChangesOf<T, K> | How | null, how?: How): void;
    delete<K extends keyof T & string>(table: K, id: string | Partial<RowOf<T, K>>): void;
};
export type Question = {
    where?: any;
    order?: [string, "asc" | "desc"][];
    limit?: number;
    after?: string;
    fields?: string[];
    aggregate?: any;
};
export type RowOf<T, K extends keyof T> = T[K] extends {
    row: infer R;
} ? R : T[K];
export type NewOf<T, K extends keyof T> = T[K] extends {
    insert: infer I;
} ? I : Partial<T[K]>;
export type ChangesOf<T, K extends keyof T> = T[K] extends {
    update: infer U;
} ? U : Partial<T[K]>;
export type PosDb<T extends Record<string, any>> = {
    ready: () => Promise<void>;
    list: <K extends keyof T & string>(table: K, filter?: Filter<RowOf<T, K>>) => RowOf<T, K>[];
    get: <K extends keyof T & string>(table: K, id: string) => RowOf<T, K> | null;
    isPending: (table: keyof T & string, id: string) => boolean;
    subscribe: <K extends keyof T & string>(table: K, told: (rows: RowOf<T, K>[], changes: Change<RowOf<T, K>>[]) => void, filter?: Filter<RowOf<T, K>>) => () => void;
    watch: PosDb<T>["subscribe"];
    insert: <K extends keyof T & string>(table: K, data: NewOf<T, K>, how?: How) => Write<RowOf<T, K>>;
    update: <K extends keyof T & string>(table: K, id: string | Partial<RowOf<T, K>>, changes?: ChangesOf<T, K> | How | null, how?: How) => Write<RowOf<T, K>>;
    merge: PosDb<T>["update"];
    save: <K extends keyof T & string>(table: K, row: NewOf<T, K>, how?: How) => Write<RowOf<T, K>>;
    delete: <K extends keyof T & string>(table: K, id: string | Partial<RowOf<T, K>>, how?: How) => Write<null>;
    remove: PosDb<T>["delete"];
    transaction: (asked: Command[] | ((tx: Transaction<T>) => void), how?: How) => Write<any[]>;
    next: (table: keyof T & string, field: string, count?: number) => Promise<string[]>;
    query: (table: keyof T & string, asked?: Question) => Promise<{
        rows: any[];
        next: string | null;
        seq: number;
    }>;
    on: OnEvent;
    status: Status;
    pending: number;
    cursor: Cursor | null;
    waiting: () => {
        ref: string;
        command: Command;
        saved: boolean;
    }[];
    rejected: () => Rejected[];
    flush: () => Promise<void>;
    signIn: (token?: Token) => void;
    close: (how?: {
        forget?: boolean;
    }) => Promise<void>;
    now: () => string;
    id: (prefix?: string) => string;
};
export type OnEvent = {
    (event: "status", told: (status: Status) => void): () => void;
    (event: "pending", told: (count: number) => void): () => void;
    (event: "rejected", told: (rejected: Rejected) => void): () => void;
    (event: "delta", told: (delta: any) => void): () => void;
};
/** @typedef {string | ((again: boolean) => string | Promise<string>)} Token */
/**
 * @typedef {object} Options
 * @property {string} branchId
 * @property {string} moduleId
 * @property {Token} [token] who asks, where it is no cookie that tells; a function is asked before each HELLO
 * @property {string[]} [tables] what is shown: all unless given
 * @property {boolean} [outbox] false: nothing is kept on this device
 * @property {string} [url] of the server, where it is not the one that this module is from
 * @property {string} [lang] "ar" for Arabic messages of errors; `text` has both languages anyway
 * @property {string} [user] who is here, where the page knows it before the server has told
 */
/** Where a screen's rows are: `base` of a write. @typedef {{epoch: string, seq: number}} Cursor */
/** @typedef {{ar: string, en: string}} Text */
/**
 * Why a write, or a question, is refused.
 * @typedef {Error & {code: string, path: string, text: Text, more: number, current?: any,
 *   details: {path: string, rule: string, message: string, text: Text}[]}} Refusal
 */
/**
 * @typedef {object} Status
 * @property {"starting" | "offline" | "waiting" | "connecting" | "catching up" | "live" | "signed out" | "refused" | "closed"} state
 * @property {Text} text the same for people
 * @property {string} code of the last refusal, or ""
 * @property {"ok" | "full" | "none" | "off"} storage whether writes outlive this page
 * @property {number} others writes of other users of this device, which wait for them
 * @property {string | null} user who the server takes us for; "" is nobody by name
 */
/**
 * What readers see differently. `left`: the row is only out of the view.
 * @template T
 * @typedef {{operation: "INSERT" | "UPDATE" | "DELETE", table: string, id: string, old: T | null, new: T | null, left: boolean}} Change
 */
/**
 * A write: its promise is kept or broken when the server has answered. `saved` tells whether the device
 * has it, which may be long before.
 * @template T
 * @typedef {Promise<T> & {ref: string, saved: Promise<boolean>}} Write
 */
/**
 * `base`: what the user saw, by which conflicts are found. `add`: numbers to be added. `ref`: a name under
 * which this is done once, for ever.
 * @typedef {{base?: boolean | Cursor, add?: Record<string, number>, ref?: string}} How
 */
/** @typedef {{type: string, table?: string, id?: string, data?: any, changes?: any, add?: any, ops?: any[]}} Command */
/** @typedef {{ref: string, command: Command, error: Refusal, send(edited?: Command): Write<any>, discard(): void}} Rejected */
/**
 * @template T
 * @typedef {Partial<T> | ((row: T) => boolean)} Filter
 */
/**
 * @template T
 * @typedef {{
 *   insert<K extends keyof T & string>(table: K, data: NewOf<T, K>): void,
 *   update<K extends keyof T & string>(table: K, id: string | Partial<RowOf<T, K>>, changes?: ChangesOf<T, K> | How | null, how?: How): void,
 *   delete<K extends keyof T & string>(table: K, id: string | Partial<RowOf<T, K>>): void,
 * }} Transaction
 */
/** @typedef {{where?: any, order?: [string, "asc" | "desc"][], limit?: number, after?: string, fields?: string[], aggregate?: any}} Question */
/**
 * A row of table `K`: of the types that `mishkah-trio schema types` writes, or of plain rows by table.
 * @template T
 * @template {keyof T} K
 * @typedef {T[K] extends {row: infer R} ? R : T[K]} RowOf
 */
/**
 * What makes a row.
 * @template T
 * @template {keyof T} K
 * @typedef {T[K] extends {insert: infer I} ? I : Partial<T[K]>} NewOf
 */
/**
 * What changes a row.
 * @template T
 * @template {keyof T} K
 * @typedef {T[K] extends {update: infer U} ? U : Partial<T[K]>} ChangesOf
 */
/**
 * The database. `T` has the tables' types by their names, as `mishkah-trio schema types` writes them.
 * @template {Record<string, any>} T
 * @typedef {object} PosDb
 * @property {() => Promise<void>} ready
 * @property {<K extends keyof T & string>(table: K, filter?: Filter<RowOf<T, K>>) => RowOf<T, K>[]} list
 * @property {<K extends keyof T & string>(table: K, id: string) => RowOf<T, K> | null} get
 * @property {(table: keyof T & string, id: string) => boolean} isPending
 * @property {<K extends keyof T & string>(table: K, told: (rows: RowOf<T, K>[], changes: Change<RowOf<T, K>>[]) => void, filter?: Filter<RowOf<T, K>>) => () => void} subscribe
 * @property {PosDb<T>["subscribe"]} watch
 * @property {<K extends keyof T & string>(table: K, data: NewOf<T, K>, how?: How) => Write<RowOf<T, K>>} insert
 * @property {<K extends keyof T & string>(table: K, id: string | Partial<RowOf<T, K>>, changes?: ChangesOf<T, K> | How | null, how?: How) => Write<RowOf<T, K>>} update
 * @property {PosDb<T>["update"]} merge
 * @property {<K extends keyof T & string>(table: K, row: NewOf<T, K>, how?: How) => Write<RowOf<T, K>>} save
 * @property {<K extends keyof T & string>(table: K, id: string | Partial<RowOf<T, K>>, how?: How) => Write<null>} delete
 * @property {PosDb<T>["delete"]} remove
 * @property {(asked: Command[] | ((tx: Transaction<T>) => void), how?: How) => Write<any[]>} transaction
 * @property {(table: keyof T & string, field: string, count?: number) => Promise<string[]>} next
 * @property {(table: keyof T & string, asked?: Question) => Promise<{rows: any[], next: string | null, seq: number}>} query
 * @property {OnEvent} on
 * @property {Status} status
 * @property {number} pending
 * @property {Cursor | null} cursor
 * @property {() => {ref: string, command: Command, saved: boolean}[]} waiting
 * @property {() => Rejected[]} rejected
 * @property {() => Promise<void>} flush
 * @property {(token?: Token) => void} signIn
 * @property {(how?: {forget?: boolean}) => Promise<void>} close
 * @property {() => string} now
 * @property {(prefix?: string) => string} id
 */
/**
 * @typedef {{
 *   (event: "status", told: (status: Status) => void): () => void,
 *   (event: "pending", told: (count: number) => void): () => void,
 *   (event: "rejected", told: (rejected: Rejected) => void): () => void,
 *   (event: "delta", told: (delta: any) => void): () => void,
 * }} OnEvent
 */
/**
 * Open a branch's module. Resolves when what this device has of it can be read; `db.ready()` waits for rows.
 * @template {Record<string, any>} [T=Record<string, any>]
 * @param {Options} options
 * @returns {Promise<{db: PosDb<T>}>}
 */
export declare function createPosDb<T extends Record<string, any> = Record<string, any>>(options: Options): Promise<{
    db: PosDb<T>;
}>;
