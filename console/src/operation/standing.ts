/** Where hosts stand in a matrix. Of a moment that only this browser shows, nobody else could count it. Pure. */
import { isBad, isThrough, RUNNING } from "./states";

export interface Standing {
  bad: number;
  running: number;
  through: number;
  waiting: number;
}

/** Hosts by where they stand: bad in any step, else running in one, else through all, else waiting. */
export function standing(bytes: Uint8Array, steps: number, hosts: number): Standing {
  const counts = { bad: 0, running: 0, through: 0, waiting: 0 };
  for (let host = 0; host < hosts; host += 1) {
    let [bad, running, all] = [false, false, true];
    for (let step = 0; step < steps; step += 1) {
      const byte = bytes[step * hosts + host] ?? 0;
      bad = bad || isBad(byte);
      running = running || byte === RUNNING;
      all = all && isThrough(byte);
    }
    counts[bad ? "bad" : running ? "running" : all ? "through" : "waiting"] += 1;
  }
  return counts;
}

/** The next host on which something went wrong, and the step in which it did; behind the last comes the first. */
export function nextBad(bytes: Uint8Array, steps: number, hosts: number, from: number): { step: number; host: number } | null {
  for (let n = 1; n <= hosts; n += 1) {
    const host = (from + n + hosts) % hosts;
    for (let step = 0; step < steps; step += 1) if (isBad(bytes[step * hosts + host] ?? 0)) return { host, step };
  }
  return null;
}
