/** Serves dist/ as the server does: its CSP, index.html for unknown paths, and the API of BEIDOU_URL on the same origin. */
import { createReadStream, existsSync, statSync } from "node:fs";
import { createServer, request } from "node:http";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";

const DIST = fileURLToPath(new URL("../dist", import.meta.url));
const TYPES = { ".html": "text/html; charset=utf-8", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml" };
const API = /^\/(api|readyz|healthz|metrics|openapi\.json|problems)/;

function proxy(target, req, res) {
  const url = new URL(req.url, target);
  // Writes are checked for their origin: behind this server it is that of the API.
  const origin = req.headers.origin === undefined ? {} : { origin: url.origin };
  const out = request(url, { method: req.method, headers: { ...req.headers, ...origin, host: url.host } }, (answer) => {
    res.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.pipe(res);
  });
  out.on("error", () => {
    if (!res.headersSent) res.writeHead(502, { "content-type": "text/plain" });
    res.end();
  });
  res.on("close", () => out.destroy());
  req.pipe(out);
}

/** Starts it on a free port; `cut()` breaks every connection to the API, as a restart does. */
export async function serve(target, port = 0) {
  const policy = (await fetch(target)).headers.get("content-security-policy");
  if (!policy) throw new Error(`${target} serves no console: build it, and the binary behind it`);
  const open = new Set();
  let away = false;
  const server = createServer((req, res) => {
    const path = new URL(req.url, "http://x").pathname;
    if (API.test(path)) {
      if (away) return res.socket?.destroy();
      open.add(res);
      res.on("close", () => open.delete(res));
      return proxy(target, req, res);
    }
    const file = normalize(join(DIST, path));
    const found = file.startsWith(DIST) && existsSync(file) && statSync(file).isFile() ? file : join(DIST, "index.html");
    res.writeHead(200, {
      "content-type": TYPES[extname(found)] ?? "application/octet-stream",
      "content-security-policy": policy,
      "x-content-type-options": "nosniff",
    });
    createReadStream(found).pipe(res);
  });
  return new Promise((resolve) => {
    server.listen(port, "127.0.0.1", () => {
      resolve({
        url: `http://127.0.0.1:${server.address().port}`,
        setAway(now) {
          away = now;
          if (now) for (const res of open) res.socket?.destroy();
        },
        close: () => {
          server.closeAllConnections();
          server.close();
        },
      });
    });
  });
}
