/** The messages that were sent, searched by room, device, type and time. */

import { byId, element } from "../common/elements.js";
import { query } from "../common/server.js";
import { moment, say } from "../common/texts.js";
import { PagedTable, cell } from "./paged-table.js";

const ROWS = 25;

export class MessagesView {
  #filter = byId("filter");
  #ask;
  #attempt;
  #table = new PagedTable("messages", {
    columns: ["time", "room", "from", "to", "message"],
    none: "nothing",
    cells: messageCells,
    askMore: (before) => this.search(before),
  });

  /** `ask` questions the server and `attempt` says what went wrong. */
  constructor(ask, attempt) {
    this.#ask = ask;
    this.#attempt = attempt;
    this.#filter.addEventListener("submit", (event) => {
      event.preventDefault();
      this.search();
    });
  }

  /** Shows the messages that match, the latest first, or those `before` the last page. */
  search(before = null) {
    return this.#attempt(async () => {
      const { messages, next } = await this.#ask(query("messages", { ...this.#wanted(), before, limit: ROWS }));
      this.#table.take(messages, next, before === null);
    });
  }

  render() {
    this.#table.render();
  }

  #wanted() {
    const wanted = Object.fromEntries(new FormData(this.#filter));
    for (const side of ["since", "until"]) if (wanted[side]) wanted[side] = new Date(wanted[side]).getTime();
    return wanted;
  }
}

function messageCells(message) {
  return [
    cell(moment(message.sent_at), "moment"),
    cell(message.room_id),
    cell(message.from_device_id),
    cell(message.to_device_id ?? say("everybody")),
    cell(element("code", {}, contentOf(message.message_content))),
  ];
}

/** A text as it is, anything else as JSON. */
function contentOf(whole) {
  try {
    const { content } = JSON.parse(whole);
    return typeof content === "string" ? content : JSON.stringify(content);
  } catch {
    return whole;
  }
}
