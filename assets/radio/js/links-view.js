/** Addresses of the chosen station for players: each encoding, playlist files, and HLS. */

import { copyText } from "../common/clipboard.js";
import { button, byId, element } from "../common/elements.js";
import { languageTag, say } from "../common/texts.js";
import { withKey } from "./routes.js";

export class LinksView {
  #status;
  #shown = null;

  constructor(status) {
    this.#status = status;
  }

  render(station) {
    const links = linksOf(station);
    const appearance = JSON.stringify([links, languageTag()]);
    if (appearance === this.#shown) return;
    this.#shown = appearance;
    byId("links").replaceChildren(...links.map((link) => this.#item(link)));
  }

  #item([name, address]) {
    const copy = async () => {
      if (await copyText(address)) this.#status.tell("copied");
      else this.#status.complain("copyFailed");
    };
    const link = element("a", { href: address, class: "name grows" }, name);
    return element("li", {}, link, button(say("copy"), copy));
  }
}

/** Names and addresses. */
function linksOf({ url, bitrate_kbps, mountpoints, hls_url }) {
  const encoding = (codec, kbps) => (kbps ? `${codec.toUpperCase()} ${kbps} kbit/s` : codec.toUpperCase());
  const list = url.endsWith("/") ? `${url}index` : url;
  const links = [
    [encoding("mp3", bitrate_kbps), url],
    ...mountpoints.map((mountpoint) => [encoding(mountpoint.codec, mountpoint.bitrate_kbps), mountpoint.url]),
    ["M3U", `${list}.m3u`],
    ["PLS", `${list}.pls`],
  ];
  if (hls_url) links.push(["HLS", hls_url]);
  return links.map(([name, address]) => [name, withKey(address)]);
}
