/** How a member lets others in: the tokens that it gives out, and whom it admits by them. All of it is desired state. */
import { KithError } from '../../protocol/errors.ts';
import type { TokenAnswer, TokenRequest } from '../../protocol/answers.ts';
import { objectKey } from '../../protocol/objects.ts';
import type { JoinTokenSpec, MemberSpec } from '../../protocol/types.ts';
import { draftJoinToken } from '../core/joining/draft-token.ts';
import { createJoinHandler, type JoinHandler } from '../peer/joining.ts';
import type { Peer } from '../peer/peer.ts';
import type { Clock, Random } from '../ports/clock.ts';
import type { VerifySignature } from '../ports/identity.ts';
import type { Log } from '../ports/log.ts';
import type { Replica } from '../ports/replica.ts';
import { admitMember, createToken, expiredTokens, JOIN_TOKENS } from './members.ts';

export interface AdmittingDeps {
  peer: Peer;
  replica: Replica;
  clock: Clock;
  random: Random;
  log: Log;
  verify: VerifySignature;
}

export interface AdmittingOptions {
  cluster: { clusterId: string; caCertificate: string; caKey: string };
  /** By which who joins knows the cluster. */
  rootHash: string;
}

export class Admitting {
  readonly #deps: AdmittingDeps;
  readonly #options: AdmittingOptions;
  readonly join: JoinHandler;

  constructor(deps: AdmittingDeps, options: AdmittingOptions) {
    this.#deps = deps;
    this.#options = options;
    const { peer, replica, clock, log, verify } = deps;
    this.join = createJoinHandler({
      clock,
      log,
      verify,
      self: peer.view.self.peer,
      cluster: () => options.cluster,
      token: (id) => replica.get(objectKey(JOIN_TOKENS, '', id))?.object.spec as JoinTokenSpec | undefined,
      members: () => peer.members(),
      admit: async (member, tokenId) => this.#admit(member, tokenId),
    });
  }

  async #admit(member: MemberSpec, tokenId: string): Promise<MemberSpec[]> {
    const { peer, replica, clock } = this.#deps;
    if (!peer.view.complete) throw new KithError('Incomplete', 'this member has not the whole state of the cluster yet');
    await peer.writer.write(admitMember(replica, member, tokenId, clock.now()));
    return [...peer.members()];
  }

  async createToken(request: TokenRequest): Promise<TokenAnswer> {
    const { peer, replica, clock, random } = this.#deps;
    const now = clock.now();
    const lifetimeMs = request.ttlSeconds === undefined ? undefined : request.ttlSeconds * 1000;
    const { rootHash } = this.#options;
    const { id, spec, text } = draftJoinToken({ rootHash, addresses: this.apiUrls(), lifetimeMs }, random, now);
    await peer.writer.write([createToken(id, spec, now), ...expiredTokens(replica, now)]);
    return { token: text, expiresAt: spec.expiresAt };
  }

  /** Our own first: whoever got the token from us reaches us. */
  apiUrls(): string[] {
    const { peer } = this.#deps;
    const own = peer.members().filter((member) => member.peerId === peer.view.self.peer);
    return [...own, ...peer.members().filter((member) => !own.includes(member))].flatMap((member) => member.apiAddresses);
  }
}
