/** Chinese, all of it. */
import { frame } from "./zh-frame";
import { pages } from "./zh-pages";
import { run } from "./zh-run";
import { sql } from "./zh-sql";
import { work } from "./zh-work";

export const zh = { ...frame, ...pages, ...run, ...sql, ...work };
