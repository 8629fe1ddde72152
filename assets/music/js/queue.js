/** The tracks that come next. Pure: every function returns a new list. */

export function withAdded(queue, track) {
  return [...queue, track];
}

export function withoutIndex(queue, index) {
  return queue.filter((_, each) => each !== index);
}

/** Moves one track by `distance` places; out of the list is where it stops. */
export function withMoved(queue, index, distance) {
  const destination = Math.min(queue.length - 1, Math.max(0, index + distance));
  const moved = withoutIndex(queue, index);
  moved.splice(destination, 0, queue[index]);
  return moved;
}
