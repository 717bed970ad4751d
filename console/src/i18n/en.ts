/** English, all of it. */
import { frame } from "./en-frame";
import { pages } from "./en-pages";
import { run } from "./en-run";
import { sql } from "./en-sql";
import { work } from "./en-work";

export const en = { ...frame, ...pages, ...run, ...sql, ...work };
