import { any, boolean, integer, keyedList, list, long, object, oneOf, string, stringMap, strings } from '../schema/build.ts';
import type { ObjectSchema } from '../schema/schema.ts';
import { affinitySchema, tolerationSchema, topologySpreadConstraintSchema } from './affinity.ts';
import { containerSchema } from './container.ts';
import { ephemeralContainerSchema } from './ephemeral-container.ts';
import { objectMetaSchema } from './metadata.ts';
import { volumesSchema } from './volume.ts';
import { podSecurityContextSchema } from './security-context.ts';

/**
 * All of upstream's fields of a PodSpec. What only loses quality when it has no effect is stored and warned of; what would be wrong to run without is refused
 * by name.
 */

export const podSpecSchema: ObjectSchema = object(
  'PodSpec',
  'What runs in the pod, and how.',
  {
    terminationGracePeriodSeconds: long('Seconds between the stop signal and the kill.', { default: 30, minimum: 0 }),
    volumes: volumesSchema,
    containers: keyedList('Programs of the pod. At least one.', 'name', containerSchema),
    initContainers: keyedList('Programs that run before, one after the other.', 'name', containerSchema),
    ephemeralContainers: keyedList('Programs that were added to look at the others (`kubectl debug`).', 'name', ephemeralContainerSchema),
    resources: any('Resources of the whole pod.', { support: 'stored', why: "only the containers' own resources count" }),
    hostNetwork: boolean("Uses the node's network, of pods on Docker."),
    restartPolicy: oneOf('When ended containers are started again.', ['Always', 'OnFailure', 'Never'], { default: 'Always' }),
    dnsPolicy: oneOf(
      'Which name server the pod asks: where kithd leads its packets (root, Docker) its node, elsewhere whom its host asks.',
      ['ClusterFirstWithHostNet', 'ClusterFirst', 'Default', 'None'],
      { default: 'ClusterFirst' },
    ),
    nodeSelector: stringMap('Labels that the node must have.', { atomic: true }),
    securityContext: podSecurityContextSchema,
    imagePullSecrets: keyedList(
      'Credentials for registries.',
      'name',
      object('LocalObjectReference', 'A Secret.', { name: string('Its name.') }),
    ),
    affinity: affinitySchema,
    dnsConfig: object('PodDNSConfig', 'Name servers and search domains, of pods on Docker.', {
      nameservers: strings('Name servers.'),
      options: list('Options.', object('PodDNSConfigOption', 'An option.', { name: string('Its name.'), value: string('Its value.') })),
      searches: strings('Search domains.'),
    }),
    readinessGates: list(
      'Further conditions of readiness.',
      object(
        'PodReadinessGate',
        'A condition.',
        { conditionType: string('Its type.', { check: 'qualifiedName', missing: 'zero' }) },
        { required: ['conditionType'] },
      ),
      { support: 'stored', why: 'they are not waited for' },
    ),
    schedulingGates: keyedList(
      'What must be lifted before the pod is placed.',
      'name',
      object('PodSchedulingGate', 'A gate.', { name: string('Its name.', { missing: 'zero' }) }, { required: ['name'] }),
    ),
    topologySpreadConstraints: list('How evenly pods are spread.', topologySpreadConstraintSchema, {
      patchMergeKey: 'topologyKey',
      listMapKeys: ['topologyKey', 'whenUnsatisfiable'],
    }),
    hostUsers: boolean("Uses the node's user ids.", { support: 'stored', why: 'it always does', inert: [true] }),
    hostnameOverride: string('Name of the host inside, whatever else is said.', { support: 'stored', why: 'use hostname' }),
    serviceAccountName: string('Account that the pod acts as; `default` unless given.', { check: 'dns1123Subdomain' }),
    nodeName: string('The node it runs on. Set by the scheduler; set by you, it bypasses it.', { check: 'dns1123Subdomain' }),
    activeDeadlineSeconds: long('Seconds after which the pod has failed.', {
      minimum: 1,
      maximum: 2 ** 31 - 1,
    }),
    hostname: string("Name of the host inside; the pod's name by default.", { check: 'dns1123Label' }),
    subdomain: string('Domain of the pod: it has a name in DNS where a Service without an address is called so.', {
      check: 'dns1123Label',
    }),
    tolerations: list('Taints it puts up with.', tolerationSchema),
    hostAliases: keyedList(
      'Lines for /etc/hosts, of pods on Docker.',
      'ip',
      object(
        'HostAlias',
        'A line.',
        { ip: string('Address.', { check: 'ip', missing: 'zero' }), hostnames: strings('Names.') },
        { required: ['ip'] },
      ),
    ),
    priorityClassName: string('Importance, by name.', { check: 'dns1123Subdomain' }),
    runtimeClassName: string('Sort of runtime.', { support: 'refused', why: 'every pod of a node runs in the same runtime' }),
    preemptionPolicy: oneOf('Whether it may push others out: as its class says.', ['PreemptLowerPriority', 'Never']),
    overhead: any('What the runtime itself needs.', { support: 'stored', why: 'it is not counted' }),
    os: object(
      'PodOS',
      'Operating system of the containers.',
      { name: oneOf('linux.', ['linux', 'windows'], { inert: ['linux'] }) },
      { support: 'refused', why: 'only Linux containers run', required: ['name'] },
    ),
    serviceAccount: string('Old name of serviceAccountName.'),
    automountServiceAccountToken: boolean(
      "Whether the account's token, the cluster's CA and the namespace are at /var/run/secrets/kubernetes.io/serviceaccount; as the account says unless given.",
    ),
    hostPID: boolean("Sees the node's processes."),
    hostIPC: boolean("Uses the node's IPC."),
    shareProcessNamespace: boolean("Containers see each other's processes."),
    setHostnameAsFQDN: boolean('Host name with its domain.'),
    schedulerName: string('Scheduler that places it.', { default: 'default-scheduler', support: 'stored', why: 'there is one scheduler' }),
    priority: integer('Importance: that of its class.'),
    enableServiceLinks: boolean('Variables for each Service.', { default: true }),
    resourceClaims: any('Devices of the pod.', { support: 'refused', why: 'the pod would run without its devices' }),
  },
  { required: ['containers'], default: {} },
);

export const podTemplateSpecSchema: ObjectSchema = object(
  'PodTemplateSpec',
  'What each pod looks like.',
  { metadata: objectMetaSchema, spec: podSpecSchema },
  // What is wrong with one that is not there is what is wrong with an empty one.
  { default: {} },
);
