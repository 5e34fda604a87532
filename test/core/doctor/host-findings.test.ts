import { describe, expect, it } from 'vitest';
import { judgeHost, type HostFacts, type KernelFacts, type PeerReach } from '../../../daemon/core/doctor/host-findings.ts';
import { TAKEN_HERE } from '../../../protocol/net-answer.ts';
import { DOCTOR_CHECKS, type DoctorCheck } from '../../../protocol/doctor.ts';

const peer: PeerReach = { node: 'b', state: 'alive', address: '10.0.0.2:7420', connected: true, tcp: 'accepted', udp: true };
const kernel: KernelFacts = {
  rules: [],
  ways: [],
  problems: [],
  passage: { forwards: true, bridgeFilters: true, missing: [], podLink: { name: 'br-1', mtu: 1450 } },
  mtu: 1450,
  policies: 1,
};
const well: HostFacts = {
  node: 'a',
  complete: true,
  removed: false,
  quarantined: 0,
  unknownPods: [],
  peers: [peer],
  electors: [
    { name: 'a', alive: true },
    { name: 'b', alive: true },
    { name: 'c', alive: false },
  ],
  disk: { path: '/var/lib/kith', freeBytes: 2 ** 30, totalBytes: 2 ** 40 },
  network: { available: true, message: '' },
  doubleSubnets: [],
  kernel,
  services: { by: ['nftables'], settled: true, troubles: [], sharesMachine: false },
  names: [{ server: '127.0.0.42:53', name: 'kubernetes', expected: '10.96.0.1', said: ['10.96.0.1'] }],
};
const passage = kernel.passage;
const noBridge = { forwards: true, missing: [] };

const wrong: readonly [DoctorCheck, RegExp, Partial<HostFacts>][] = [
  ['state', /removed from the cluster/, { removed: true }],
  ['state', /not the whole desired state/, { complete: false }],
  ['state', /2 objects are set aside/, { quarantined: 2 }],
  [
    'state',
    /pod default\/web \(u1\) runs here, and desired state knows nothing of it/,
    { unknownPods: [{ pod: 'default/web', uid: 'u1' }] },
  ],
  ['peers', /node b \(10\.0\.0\.2:7420\) is dead/, { peers: [{ ...peer, state: 'dead', connected: false, tcp: 'silent', udp: false }] }],
  ['peers', /nobody listens at 10\.0\.0\.2:7420 \(TCP\)/, { peers: [{ ...peer, tcp: 'refused' }] }],
  ['peers', /does not answer over TCP/, { peers: [{ ...peer, tcp: 'silent', udp: false }] }],
  ['peers', /does not answer over UDP/, { peers: [{ ...peer, udp: false }] }],
  ['peers', /no connection to node b/, { peers: [{ ...peer, connected: false }] }],
  [
    'votes',
    /only 1 of the 2 peers that vote/,
    {
      electors: [
        { name: 'a', alive: true },
        { name: 'b', alive: false },
      ],
    },
  ],
  ['engine', /does not answer: connection refused/, { engineTrouble: 'connection refused' }],
  ['disk', /only 100 MiB of 1048576 MiB are free/, { disk: { path: '/d', freeBytes: 100 * 2 ** 20, totalBytes: 2 ** 40 } }],
  [
    'network',
    /nodes a and b both have the pod subnet 10\.42\.1\.0\/24/,
    { doubleSubnets: [{ subnet: '10.42.1.0/24', nodes: ['a', 'b'] }] },
  ],
  ['network', /no nft/, { network: { available: false, message: 'no nft' } }],
  ['rules', /as they should be: one; 2; 3; 4; 5; and 1 more/, { kernel: { ...kernel, rules: ['one', '2', '3', '4', '5', '6'] } }],
  ['rules', /does not let pass what is to pods/, { kernel: { ...kernel, passage: { ...passage, missing: ['to pods'] } } }],
  ['rules', /NetworkPolicies do not hold/, { kernel: { ...kernel, passage: noBridge } }],
  ['routes', /ip_forward is 0/, { kernel: { ...kernel, passage: { ...passage, forwards: false } } }],
  ['routes', /still to be done: ip route replace/, { kernel: { ...kernel, ways: ['ip route replace 10.42.2.0/24'] } }],
  ['routes', /c shares no link/, { kernel: { ...kernel, problems: ['c shares no link with this host'] } }],
  [
    'routes',
    /may have 1500 bytes on br-1, and the way to other hosts carries 1450/,
    { kernel: { ...kernel, passage: { ...passage, podLink: { name: 'br-1', mtu: 1500 } } } },
  ],
  [
    'services',
    /Service default\/web: TCP 1\.2\.3\.4:80: another process/,
    {
      services: {
        by: ['proxy'],
        settled: true,
        troubles: [{ service: 'default/web', trouble: `TCP 1.2.3.4:80: ${TAKEN_HERE}` }],
        sharesMachine: false,
      },
    },
  ],
  ['services', /does not keep up/, { services: { by: ['proxy'], settled: false, troubles: [], sharesMachine: false } }],
  [
    'names',
    /does not tell kubernetes: timeout/,
    { names: [{ server: 's', name: 'kubernetes', expected: '1', said: [], trouble: 'timeout' }] },
  ],
  [
    'names',
    /says 9\.9\.9\.9 for kubernetes, not 10\.96\.0\.1/,
    { names: [{ server: 's', name: 'kubernetes', expected: '10.96.0.1', said: ['9.9.9.9'] }] },
  ],
];

describe('what is wrong with a host', () => {
  it('is nothing where all is well, whatever the daemon does not use', () => {
    const verdict = judgeHost(well);
    expect(verdict.findings).toEqual([]);
    expect(verdict.skipped).toEqual([]);
    expect([...verdict.checked].sort()).toEqual(DOCTOR_CHECKS.filter((check) => check !== 'clock' && check !== 'version').sort());
    const plain = judgeHost({
      ...well,
      kernel: undefined,
      electors: undefined,
      disk: undefined,
      names: [],
      services: { by: [], settled: true, troubles: [], sharesMachine: false },
    });
    expect(plain.findings).toEqual([]);
    expect(plain.skipped.map(({ check }) => check)).toEqual(['votes', 'disk', 'rules', 'routes', 'services', 'names']);
    const shared = { by: ['proxy'], settled: true, troubles: [{ service: 's', trouble: `x: ${TAKEN_HERE}` }], sharesMachine: true };
    expect(judgeHost({ ...well, services: shared }).findings).toEqual([]);
    expect(judgeHost({ ...well, kernel: { ...kernel, passage: noBridge, policies: 0 } }).findings).toEqual([]);
  });

  it.each(wrong)('%s: %s', (check, what, facts) => {
    const { findings } = judgeHost({ ...well, ...facts });
    expect(findings).toEqual([
      { node: 'a', check, what: expect.stringMatching(what) as string, fix: expect.stringMatching(/\w{3}/) as string },
    ]);
  });
});
