/**
 * Kubernetes' remote command over a WebSocket: the first byte of each binary message names its channel.
 * Version 4 ends with a Status on the error channel; version 5 adds that a client closes a channel, and so standard input.
 */
export const CHANNEL = { stdin: 0, stdout: 1, stderr: 2, error: 3, resize: 4, close: 255 } as const;
export const CHANNEL_PROTOCOLS = ['v5.channel.k8s.io', 'v4.channel.k8s.io'] as const;
export type ChannelProtocol = (typeof CHANNEL_PROTOCOLS)[number];

/** One forwarded connection over a WebSocket of its own: of each port two channels, data and error, whose first message is the port (2 bytes, little endian). */
export const PORT_CHANNEL_PROTOCOLS = ['v5.channel.k8s.io', 'v4.channel.k8s.io'] as const;
/** SPDY frames in binary messages, as kubectl forwards ports since 1.31. */
export const TUNNEL_PROTOCOL = 'SPDY/3.1+portforward.k8s.io';

export function channelMessage(channel: number, bytes: Uint8Array): Uint8Array {
  const message = new Uint8Array(1 + bytes.byteLength);
  message[0] = channel;
  message.set(bytes, 1);
  return message;
}
