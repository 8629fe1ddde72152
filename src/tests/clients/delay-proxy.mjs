// A TCP proxy that holds every byte back for a while, each way.
import net from "node:net";

export function delayProxy(targetPort, delayMs, targetHost = "127.0.0.1") {
  const pairs = new Set();
  const server = net.createServer({ noDelay: true }, (near) => {
    const far = net.connect({ port: targetPort, host: targetHost, noDelay: true });
    const pair = [near, far];
    pairs.add(pair);
    const relay = (from, to) => {
      from.on("data", (bytes) => setTimeout(() => to.writable && to.write(bytes), delayMs));
      from.on("end", () => setTimeout(() => to.end(), delayMs));
      from.on("error", () => to.destroy());
      from.on("close", () => { pairs.delete(pair); setTimeout(() => to.destroy(), delayMs); });
    };
    relay(near, far);
    relay(far, near);
  });
  const cut = () => { for (const pair of pairs) for (const end of pair) end.destroy(); };
  return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve({ port: server.address().port, cut, close: () => { cut(); server.close(); } })));
}
