/**
 * What is wrong on one host, of what it can tell by itself. A pure function of what was looked at; peer/doctor/ looks. Each finding says what a person does about it: what the
 * daemon sets right by itself within seconds is told, too, as then something keeps undoing it.
 */
import type { DoctorCheck, Finding, SkippedCheck } from '../../../protocol/doctor.ts';
import { TAKEN_HERE } from '../../../protocol/net-answer.ts';
import type { KernelAnswer } from '../../../protocol/liveness.ts';
import type { HostPassage } from '../../ports/host-network.ts';

const MIB = 2 ** 20;
/** The store needs room to write anew before it drops the old. */
const LEAST_FREE_BYTES = 512 * MIB;
const LEAST_FREE_SHARE = 0.05;
/** Differences of a ruleset or of routes that are told one by one. */
const MAX_TOLD = 5;

export interface HostFacts {
  node: string;
  complete: boolean;
  removed: boolean;
  quarantined: number;
  /** What runs here and is in no desired state, as NAMESPACE/NAME and uid. */
  unknownPods: readonly { pod: string; uid: string }[];
  peers: readonly PeerReach[];
  /** Who votes on what runs at most once, by node (peer id for those that are no members any more), and who of them lives. */
  electors?: readonly { name: string; alive: boolean }[];
  /** Undefined: it answered. */
  engineTrouble?: string;
  /** Undefined: it could not be asked. */
  disk?: { path: string; freeBytes: number; totalBytes: number };
  /** What the node says of its network; undefined for runtimes whose pods share the host's. */
  network?: { available: boolean; message: string };
  /** Pod subnets that two nodes have. */
  doubleSubnets: readonly { subnet: string; nodes: readonly string[] }[];
  /** Undefined where the kernel is not used. */
  kernel?: KernelFacts;
  services: {
    by: readonly string[];
    settled: boolean;
    troubles: readonly { service: string; trouble: string }[];
    /** Another member is on this machine: it may have what this one can not. */
    sharesMachine: boolean;
  };
  names: readonly NameAnswered[];
}

export interface PeerReach {
  node: string;
  state: 'alive' | 'suspected' | 'dead';
  /** Of its peer port, for people. */
  address: string;
  connected: boolean;
  tcp: KernelAnswer;
  udp: boolean;
}

export interface KernelFacts {
  /** How the tables of nftables differ from what they should be. */
  rules: readonly string[];
  /** Commands that would lead to what should be. */
  ways: readonly string[];
  /** Peers that can not be reached, and why. */
  problems: readonly string[];
  passage: HostPassage;
  /** What the ways to other hosts carry; undefined while this host was not looked at. */
  mtu?: number;
  policies: number;
}

export interface NameAnswered {
  server: string;
  name: string;
  expected: string;
  said: readonly string[];
  /** Instead of an answer. */
  trouble?: string;
}

export interface HostVerdict {
  findings: Finding[];
  checked: DoctorCheck[];
  skipped: SkippedCheck[];
}

export function judgeHost(facts: HostFacts): HostVerdict {
  const findings: Finding[] = [];
  const skipped: SkippedCheck[] = [];
  const checked: DoctorCheck[] = [];
  const look = (check: DoctorCheck, found: readonly Omit<Finding, 'node' | 'check'>[] | string): void => {
    if (typeof found === 'string') return void skipped.push({ check, why: found });
    checked.push(check);
    findings.push(...found.map((finding) => ({ node: facts.node, check, ...finding })));
  };
  look('state', stateFindings(facts));
  look('peers', facts.peers.flatMap(peerFindings));
  look(
    'votes',
    facts.electors === undefined ? 'this host has no guard: nothing that runs at most once is started here' : voteFindings(facts.electors),
  );
  look('engine', engineFindings(facts));
  look('disk', facts.disk === undefined ? 'how much room is left could not be asked' : diskFindings(facts.disk));
  look('network', networkFindings(facts));
  const { kernel } = facts;
  const unused = 'the kernel is not used for pods here';
  look('rules', kernel === undefined ? unused : ruleFindings(kernel));
  look('routes', kernel === undefined ? unused : routeFindings(kernel));
  look('services', facts.services.by.length === 0 ? 'nothing makes Services work on this host' : serviceFindings(facts.services));
  look('names', facts.names.length === 0 ? 'nobody is told names on this host' : facts.names.flatMap(nameFindings));
  return { findings, checked, skipped };
}

type Found = Omit<Finding, 'node' | 'check'>;

function stateFindings({ complete, removed, quarantined, unknownPods }: HostFacts): Found[] {
  if (removed)
    return [
      {
        what: 'this host was removed from the cluster, and its daemon still runs',
        fix: 'stop kithd there; to bring the host back, start it with an empty --data-dir and --join TOKEN',
      },
    ];
  const found: Found[] = [];
  if (!complete)
    found.push({
      what: 'this peer has not the whole desired state yet: it starts what is bound to it and decides nothing',
      fix: 'wait while it takes it from another peer; if it stays so, no other peer that has it can be reached: look at the findings of "peers"',
    });
  if (quarantined > 0)
    found.push({
      what: `${quarantined} objects are set aside, as they do not validate after a merge`,
      fix: '"kith conflicts" names them and says why; create them anew',
    });
  for (const { pod, uid } of unknownPods)
    found.push({
      what: `pod ${pod} (${uid}) runs here, and desired state knows nothing of it: the disk of the host that ordered it has lost that since`,
      fix: `it is left alone, as nobody has ordered its end; when it is not needed, stop its containers with the engine, on Docker: docker rm -f $(docker ps -aq --filter label=kith.dev/pod-uid=${uid})`,
    });
  return found;
}

function peerFindings({ node, state, address, connected, tcp, udp }: PeerReach): Found[] {
  if (state === 'dead')
    return [
      {
        what: `node ${node} (${address}) is dead`,
        fix: `start its host and kithd again; if it never comes back: kith delete node ${node}`,
      },
    ];
  const found: Found[] = [];
  if (tcp === 'refused')
    found.push({
      what: `nobody listens at ${address} (TCP) of node ${node}`,
      fix: `start kithd there; if it runs, its --listen or --advertise is another address than what members know`,
    });
  if (tcp === 'silent')
    found.push({
      what: `${address} of node ${node} does not answer over TCP`,
      fix: `let this port pass over TCP, both ways, in the firewalls of and between the two hosts`,
    });
  if (!udp && tcp !== 'silent')
    found.push({
      what: `${address} of node ${node} does not answer over UDP: a failure of either host is noticed later than it could be`,
      fix: `let this port pass over UDP, both ways, in the firewalls of and between the two hosts`,
    });
  if (!connected && tcp === 'accepted')
    found.push({
      what: `there is no connection to node ${node}, though ${address} accepts them`,
      fix: `wait, as it is dialled again and again; if it stays so, the log of kithd on ${node} says why it turns this peer away`,
    });
  return found;
}

function voteFindings(electors: readonly { name: string; alive: boolean }[]): Found[] {
  const alive = electors.filter((elector) => elector.alive);
  if (electors.length === 0 || alive.length * 2 > electors.length) return [];
  const gone = electors.filter((elector) => !elector.alive).map(({ name }) => name);
  return [
    {
      what: `only ${alive.length} of the ${electors.length} peers that vote are alive: what runs at most once neither starts nor moves`,
      fix: `bring back ${gone.join(', ')}; or, if their hosts are off for certain: kith confirm-dead NODE`,
    },
  ];
}

function engineFindings({ engineTrouble }: HostFacts): Found[] {
  if (engineTrouble === undefined) return [];
  return [
    {
      what: `the container engine does not answer: ${engineTrouble}`,
      fix: 'start it (systemctl start docker), or give kithd the right --docker-host; pods of this node move elsewhere meanwhile',
    },
  ];
}

function diskFindings({ path, freeBytes, totalBytes }: NonNullable<HostFacts['disk']>): Found[] {
  const least = Math.min(LEAST_FREE_BYTES, totalBytes * LEAST_FREE_SHARE);
  if (freeBytes >= least) return [];
  return [
    {
      what: `only ${Math.floor(freeBytes / MIB)} MiB of ${Math.floor(totalBytes / MIB)} MiB are free where ${path} is`,
      fix: 'make room: without it nothing can be written there, and writes through this peer are refused',
    },
  ];
}

function networkFindings({ network, doubleSubnets }: HostFacts): Found[] {
  const found: Found[] = doubleSubnets.map(({ subnet, nodes }) => ({
    what: `nodes ${nodes.join(' and ')} both have the pod subnet ${subnet}`,
    fix: 'wait: the younger node takes another one within seconds; if it stays so, no /24 of the pod range is free (kith get events)',
  }));
  if (network?.available === false)
    found.push({
      what: network.message,
      fix: 'set right what it says, and restart kithd; pods of other hosts do not reach those here until then',
    });
  return found;
}

function ruleFindings({ rules, passage, policies }: KernelFacts): Found[] {
  const found: Found[] = [];
  if (rules.length > 0)
    found.push({
      what: `the rules in the kernel are not as they should be: ${several(rules)}`,
      fix: 'kithd puts them back within seconds; if it stays so, another program changes them (nft monitor), or the log of kithd says what the kernel refuses',
    });
  if (passage.missing.length > 0)
    found.push({
      what: `the firewall of this host does not let pass what is ${passage.missing.join(', ')}`,
      fix: 'kithd puts the rules back within seconds; if it stays so, another program takes them out: have it leave those marked "kith"',
    });
  if (passage.bridgeFilters !== true && policies > 0)
    found.push({
      what: 'packets between pods of this host do not pass the firewall: NetworkPolicies do not hold between them',
      fix: 'modprobe br_netfilter && sysctl -w net.bridge.bridge-nf-call-iptables=1',
    });
  return found;
}

function routeFindings({ ways, problems, passage, mtu }: KernelFacts): Found[] {
  const found: Found[] = problems.map((what) => ({
    what,
    fix: 'use --network auto or vxlan on all hosts, or give the hosts addresses on one link (--advertise)',
  }));
  if (!passage.forwards)
    found.push({
      what: 'the kernel forwards no packets (net.ipv4.ip_forward is 0): pods reach nobody',
      fix: 'sysctl -w net.ipv4.ip_forward=1, and take out of /etc/sysctl.d whatever sets it to 0',
    });
  if (ways.length > 0)
    found.push({
      what: `routes to pods of other hosts are not as they should be; this is still to be done: ${several(ways)}`,
      fix: 'kithd does it within seconds; if it stays so, another program undoes it (ip monitor), or the log of kithd says why it fails',
    });
  const { podLink } = passage;
  if (mtu !== undefined && podLink !== undefined && podLink.mtu > mtu)
    found.push({
      what: `packets of pods may have ${podLink.mtu} bytes on ${podLink.name}, and the way to other hosts carries ${mtu}: long ones are lost`,
      fix: `kith drain this node and uncordon it: its pods' network is made anew when the last pod has left it`,
    });
  return found;
}

function serviceFindings({ settled, troubles, sharesMachine }: HostFacts['services']): Found[] {
  const real = troubles.filter(({ trouble }) => !sharesMachine || !trouble.endsWith(TAKEN_HERE));
  const found: Found[] = real.map(({ service, trouble }) => ({
    what: `Service ${service}: ${trouble}`,
    fix: 'free what it names for the Service, or give the Service another port or address',
  }));
  if (!settled && found.length === 0)
    found.push({
      what: 'what makes Services work on this host does not keep up with changes',
      fix: 'the log of kithd says what it waits for; if the host is overloaded, give it less to run',
    });
  return found;
}

function nameFindings({ server, name, expected, said, trouble }: NameAnswered): Found[] {
  if (trouble !== undefined)
    return [
      {
        what: `the name server at ${server} does not tell ${name}: ${trouble}`,
        fix: 'see who else listens there (ss -lnup), or have kithd listen elsewhere (--dns-listen); firewalls must let port 53 pass from pods to their host',
      },
    ];
  if (said.includes(expected)) return [];
  return [
    {
      what: `the name server at ${server} says ${said.join(', ')} for ${name}, not ${expected}: another program answers there`,
      fix: 'end it (ss -lnup tells which), or have kithd listen elsewhere (--dns-listen)',
    },
  ];
}

function several(all: readonly string[]): string {
  const told = all.slice(0, MAX_TOLD).join('; ');
  return all.length > MAX_TOLD ? `${told}; and ${all.length - MAX_TOLD} more` : told;
}
