import type { PeerTrack } from './state.ts';

/** A change of one of the far tracks must not copy all of a wide cluster's: a share of them is. */
const SHARES = 32;

/**
 * What is known of each peer, by its id. Never changes: a change makes another one that shares most with it. Those that are looked at again and again, because this peer
 * observes them or something is the matter with them, are *near*; the others, all but some of a wide cluster, are passed over at each look.
 */
export class PeerTracks {
  private readonly close: ReadonlyMap<string, PeerTrack>;
  private readonly far: FarTracks;
  private nearest: readonly PeerTrack[] | undefined;

  private constructor(close: ReadonlyMap<string, PeerTrack>, far: FarTracks) {
    this.close = close;
    this.far = far;
  }

  static of(tracks: Iterable<PeerTrack>): PeerTracks {
    const [close, far] = [new Map<string, PeerTrack>(), new Map<string, PeerTrack>()];
    for (const track of tracks) {
      const [own, other] = isFar(track) ? [far, close] : [close, far];
      own.set(track.peer, track);
      other.delete(track.peer);
    }
    return new PeerTracks(close, FarTracks.of(far.values()));
  }

  get size(): number {
    return this.close.size + this.far.size;
  }

  get(peer: string): PeerTrack | undefined {
    return this.close.get(peer) ?? this.far.get(peer);
  }

  has(peer: string): boolean {
    return this.get(peer) !== undefined;
  }

  with(track: PeerTrack): PeerTracks {
    const { peer } = track;
    if (isFar(track)) {
      if (!this.close.has(peer)) return new PeerTracks(this.close, this.far.with(track));
      const close = new Map(this.close);
      close.delete(peer);
      return new PeerTracks(close, this.far.with(track));
    }
    const far = this.close.has(peer) ? this.far : this.far.without(peer);
    return new PeerTracks(new Map(this.close).set(peer, track), far);
  }

  /** Those that somebody has to look at. Of all others it is known that they are alive, that others observe them, and that nobody says otherwise. */
  near(): readonly PeerTrack[] {
    return (this.nearest ??= [...this.close.values()]);
  }

  values(): readonly PeerTrack[] {
    return [...this.near(), ...this.far.values()];
  }
}

function isFar({ observed, state, death, contested }: PeerTrack): boolean {
  return !observed && state === 'alive' && death === undefined && contested === undefined;
}

class FarTracks {
  static readonly none = new FarTracks(
    Array.from({ length: SHARES }, () => new Map<string, PeerTrack>()),
    0,
  );
  readonly size: number;
  private all: readonly PeerTrack[] | undefined;
  private readonly shares: readonly ReadonlyMap<string, PeerTrack>[];

  private constructor(shares: readonly ReadonlyMap<string, PeerTrack>[], size: number) {
    this.shares = shares;
    this.size = size;
  }

  static of(tracks: Iterable<PeerTrack>): FarTracks {
    const shares = Array.from({ length: SHARES }, () => new Map<string, PeerTrack>());
    let size = 0;
    for (const track of tracks) {
      shares[shareOf(track.peer)]?.set(track.peer, track);
      size += 1;
    }
    return size === 0 ? FarTracks.none : new FarTracks(shares, size);
  }

  get(peer: string): PeerTrack | undefined {
    return this.size === 0 ? undefined : this.shares[shareOf(peer)]?.get(peer);
  }

  with(track: PeerTrack): FarTracks {
    const share = new Map(this.shares[shareOf(track.peer)]).set(track.peer, track);
    return this.withShare(track.peer, share);
  }

  without(peer: string): FarTracks {
    if (this.get(peer) === undefined) return this;
    const share = new Map(this.shares[shareOf(peer)]);
    share.delete(peer);
    return this.withShare(peer, share);
  }

  values(): readonly PeerTrack[] {
    return (this.all ??= this.shares.flatMap((share) => [...share.values()]));
  }

  private withShare(peer: string, share: ReadonlyMap<string, PeerTrack>): FarTracks {
    const at = shareOf(peer);
    const shares = this.shares.slice();
    const before = shares[at]?.size ?? 0;
    shares[at] = share;
    return new FarTracks(shares, this.size - before + share.size);
  }
}

/** By the end of the id, which is its random part. */
function shareOf(peer: string): number {
  const { length } = peer;
  return (peer.charCodeAt(length - 1) * 31 + peer.charCodeAt(length - 2)) % SHARES || 0;
}
