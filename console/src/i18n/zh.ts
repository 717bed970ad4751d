/** Chinese, all of it. */
import { frame } from "./zh-frame";
import { pages } from "./zh-pages";

export const zh = { ...frame, ...pages };
