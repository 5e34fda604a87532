import type { Carriage } from '../support/memory-transport.ts';

export interface WayFault {
  delayMs: number;
  jitterMs: number;
  /** Share of packets lost, and of datagrams that come twice. */
  loss: number;
  duplicate: number;
}

/** What keeps its order: nothing of it arrives before this. */
export interface Order {
  arrivesAt: number;
}

/** One direction between two hosts. */
export interface Way extends WayFault {
  /** How many faults stop everything on it just now. */
  blocked: number;
  /** When the last of what streams sent so far arrives. */
  arrivesAt: number;
  /** The same of a topic, or of one stream: they keep their order. */
  topics: Map<string, Order>;
  streams: WeakMap<object, Order>;
  /** What was lost by then comes again: nothing that is sent after it comes before it. */
  stuckUntil: number;
  /** When the last of the datagrams sent so far arrives. */
  datagramsAt: number;
  /** What streams sent into a blocked way: sent again when it opens, if the connection still stands. */
  held: { generation: number; send: () => void }[];
}

export function newWay(fault: WayFault): Way {
  return { ...fault, blocked: 0, arrivesAt: 0, datagramsAt: 0, stuckUntil: 0, topics: new Map(), streams: new WeakMap(), held: [] };
}

/** Gossip of one topic and bytes of one stream have an order. Every request is a stream by itself, and its answer comes the other way. */
export function orderOf(way: Way, { what, stream, reliable }: Carriage): Order | undefined {
  if (stream !== undefined) return orderIn(way.streams, stream);
  return reliable ? undefined : orderIn(way.topics, what);
}

/** @param earliest by what the way takes */
export function arrivalOn(way: Way, order: Order | undefined, earliest: number): number {
  const arrivesAt = Math.max(order?.arrivesAt ?? 0, way.stuckUntil, earliest);
  if (order !== undefined) order.arrivesAt = arrivesAt;
  way.arrivesAt = Math.max(way.arrivesAt, arrivesAt);
  return arrivesAt;
}

function orderIn<Key>(orders: { get(key: Key): Order | undefined; set(key: Key, order: Order): unknown }, key: Key): Order {
  let order = orders.get(key);
  if (order === undefined) orders.set(key, (order = { arrivesAt: 0 }));
  return order;
}
