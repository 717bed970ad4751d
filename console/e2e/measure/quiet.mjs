/** A history that was just told is merged and compacted for a while: figures of that time are not those of a site. */
import { cpus } from "node:os";

const LOOK_MS = 5000;
const LONGEST_LOOKS = 120;
/** What a demo takes while nobody asks it anything, and something for the rest of the machine. */
const MOST_BUSY = 0.25;

/** The time of all cores so far: at work, and in all. */
function spent() {
  const all = cpus().map(({ times }) => times);
  const sum = (of) => all.reduce((total, one) => total + of(one), 0);
  return { busy: sum((one) => one.user + one.nice + one.sys + one.irq), all: sum((one) => Object.values(one).reduce((a, b) => a + b, 0)) };
}

/** Waits until the cores have little to do; says so where that does not come. */
export async function quiet() {
  let share = 1;
  for (let look = 0; look < LONGEST_LOOKS && share > MOST_BUSY; look += 1) {
    const before = spent();
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    const after = spent();
    share = (after.busy - before.busy) / (after.all - before.all);
  }
  if (share > MOST_BUSY) console.error(`the machine is not quiet: its cores are at work for ${(share * 100).toFixed(0)} % of the time`);
}
