/** The same operation for a shell. Pure but for the origin of the page. */
import { shellWord } from "../../shell/command";

/** The manifest in a here-document, taken from standard input. The end word is none of its lines. */
export function asCommand(yaml: string): string {
  let end = "EOF";
  while (yaml.split("\n").includes(end)) end += "_";
  return `beidou operation apply -f - --watch <<'${end}'\n${yaml}${end}\n`;
}

/** The call. The token stays a variable: nothing secret is copied. */
export function asCurl(path: string, name: string, spec: Record<string, unknown>): string {
  const body = shellWord(JSON.stringify({ name, spec }));
  return `curl -X POST -H "Authorization: Bearer $BEIDOU_TOKEN" -H 'content-type: application/json' \\\n  ${shellWord(location.origin + path)} \\\n  -d ${body}`;
}
