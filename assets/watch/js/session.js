/**
 * Getting into a room, and back into it after a reload or a cut connection. What the server refuses comes as texts of
 * the client that it was made for; here they become names of this page's own sentences.
 */

import { recallForTab, rememberForTab } from "../common/memory.js";
import { keepOwnerToken, ownerToken } from "./owned-rooms.js";

/** The room that a tab is in, for a reload. */
const ROOM = "watch-room";
const REFUSALS = { 房间不存在: "noSuchRoom", 密码错误: "wrongPassword", 创建房间失败: "createFailed", 加入房间失败: "joinFailed" };

export class Session {
  #connection;
  #invitation;
  #attempt = 0;

  /** `invitation()` is the one that this page holds, or null. */
  constructor(connection, invitation) {
    this.#connection = connection;
    this.#invitation = invitation;
  }

  /** Opens a room; resolves to `{room, password}` or `{refusal}`, to `{}` if it was overtaken, and to null without an answer. */
  async create({ userName, name, password, isPublic }) {
    const given = { name, description: "", isPublic, userName, roomType: "sync" };
    return this.#enter("room:create", password ? { ...given, password } : given, password);
  }

  /** The same for a room that is there. */
  async join({ userName, roomId, password }) {
    const given = { roomId, userName };
    if (password) given.password = password;
    if (ownerToken(roomId)) given.ownerToken = ownerToken(roomId);
    if (this.#invitation()) given.invitation = this.#invitation();
    return this.#enter("room:join", given, password);
  }

  /** Forgets the room that the tab is in. */
  forget() {
    this.#attempt += 1;
    rememberForTab(ROOM, null);
  }

  async #enter(event, given, password) {
    this.#attempt += 1;
    const attempt = this.#attempt;
    const answer = await this.#connection.ask(event, given);
    if (attempt !== this.#attempt) return {};
    if (answer === null) return this.#connection.isOpen ? { refusal: "noAnswer" } : null;
    if (!answer.success) return { refusal: refusalOf(answer) };
    const { room } = answer;
    if (room.ownerToken) keepOwnerToken(room.id, room.ownerToken);
    rememberForTab(ROOM, { id: room.id, password: password || null });
    return { room, password: password || null };
  }
}

/** The room that this tab was in before it was reloaded, `{id, password}`, or null. */
export function formerRoom() {
  const former = recallForTab(ROOM);
  return typeof former?.id === "string" ? former : null;
}

function refusalOf({ code, error }) {
  return code ?? REFUSALS[error] ?? "refused";
}
