/** The connections of one device, and the way to end those that are open. */

import { byId, setText } from "../common/elements.js";
import { query } from "../common/server.js";
import { moment, say } from "../common/texts.js";
import { PagedTable, cell } from "./paged-table.js";

const ROWS = 20;

export class HistoryView {
  #device = null;
  #ask;
  #attempt;
  #table = new PagedTable("history", {
    columns: ["connected", "disconnected", "room", "identity", "address"],
    none: "noHistory",
    cells: connectionCells,
    askMore: (before) => this.#attempt(() => this.#show(before)),
  });

  /** `ask` questions the server, `attempt` says what went wrong, `kicked(n)` that `n` connections were closed. */
  constructor(ask, attempt, kicked) {
    this.#ask = ask;
    this.#attempt = attempt;
    byId("close").addEventListener("click", () => this.close());
    byId("kick").addEventListener("click", () => attempt(async () => {
      const { disconnected } = await ask(`${this.#path}/connections`, { method: "DELETE" });
      kicked(disconnected);
    }));
  }

  async open(device) {
    this.#device = device;
    this.#table.clear();
    this.render();
    await this.#attempt(() => this.#show(null));
    byId("detail").scrollIntoView({ block: "nearest" });
    byId("detail-title").focus({ preventScroll: true });
  }

  close() {
    this.#device = null;
    this.render();
  }

  render() {
    byId("detail").hidden = this.#device === null;
    setText(byId("detail-title"), this.#device ?? "");
    this.#table.render();
  }

  get #path() {
    return `devices/${encodeURIComponent(this.#device)}`;
  }

  async #show(before) {
    const device = this.#device;
    const { connections, next } = await this.#ask(query(this.#path, { before, limit: ROWS }));
    if (device === this.#device) this.#table.take(connections, next, before === null);
  }
}

function connectionCells({ connected_at: start, disconnected_at: end, room_id: room, identity, client_ip: address }) {
  const ended = end ? moment(end) : say("still");
  return [cell(moment(start), "moment"), cell(ended, "moment"), cell(room), cell(identity), cell(address)];
}
