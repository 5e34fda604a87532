import type { ClusterView } from '../../core/cluster/view.ts';
import type { Leases } from '../leases/in-peer.ts';
import type { Kernel } from '../network/kernel.ts';
import type { ServiceLoop } from '../network/service-loop.ts';
import type { PeerDeps, PeerOptions } from '../peer-deps.ts';
import { Doctor } from './doctor.ts';

export type { Doctor };

export interface PeerParts {
  view: ClusterView;
  services: ServiceLoop;
  kernel: Kernel | undefined;
  leases: Leases | undefined;
}

export function createDoctor(deps: PeerDeps, { version, facts }: PeerOptions, { view, services, kernel, leases }: PeerParts): Doctor {
  return new Doctor({ ...deps, view, services, kernel, electorate: () => leases?.voting.electorate }, { version, network: facts.network });
}
