/** A tab that nobody listens to. A page of Playwright has the browser keep the answers of the network for its inspector, up to
 * 200 MB in the very process whose memory is measured; this one is driven by a few commands of the DevTools protocol alone. */

export async function bareTab(browser, url, { width = 1440, height = 900 } = {}) {
  const root = await browser.newBrowserCDPSession();
  const { targetId } = await root.send("Target.createTarget", { url: "about:blank", width, height });
  // The older way to speak to a target: its messages come through this session.
  const { sessionId } = await root.send("Target.attachToTarget", { targetId, flatten: false });
  const waiting = new Map();
  root.on("Target.receivedMessageFromTarget", ({ message }) => {
    const { id, result, error } = JSON.parse(message);
    const wait = waiting.get(id);
    waiting.delete(id);
    if (error) wait?.reject(new Error(error.message));
    else wait?.resolve(result);
  });
  let last = 0;
  const send = (method, params = {}) =>
    new Promise((resolve, reject) => {
      last += 1;
      waiting.set(last, { resolve, reject });
      root.send("Target.sendMessageToTarget", { sessionId, message: JSON.stringify({ id: last, method, params }) }).catch(reject);
    });
  /** Runs a function in the tab; a promise is waited for. */
  const evaluate = async (what, argument) => {
    const expression = `(${what})(${JSON.stringify(argument) ?? ""})`;
    const { result, exceptionDetails } = await send("Runtime.evaluate", { expression, returnByValue: true, awaitPromise: true });
    if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
    return result.value;
  };
  await send("Performance.enable");
  await send("Page.navigate", { url });
  return { send, evaluate, close: () => root.send("Target.closeTarget", { targetId }) };
}
