/** English, all of it. */
import { frame } from "./en-frame";
import { pages } from "./en-pages";

export const en = { ...frame, ...pages };
