import { any, boolean, integer, intOrString, list, long, object, oneOf, quantity, string, strings, map } from '../schema/build.ts';
import type { ObjectSchema, Schema } from '../schema/schema.ts';
import { envFromSchema, envSchema } from './container-env.ts';
import { volumeMountsSchema } from './volume.ts';
import { containerSecurityContextSchema } from './security-context.ts';

/** The container of a pod: all of upstream's fields, and what becomes of each here. */

/** Kubernetes asks its rules of what is not there. */
const ZERO = { missing: 'zero' } as const;
const NO_VOLUMES = 'the container would run without its files';

const PROBE_FIELDS: Readonly<Record<string, Schema>> = {
  exec: object('ExecAction', 'Runs a command in the container; exit code 0 is success.', {
    command: strings('The command, without a shell.'),
  }),
  httpGet: object(
    'HTTPGetAction',
    'Sends an HTTP request; a status from 200 to 399 is success.',
    {
      host: string("Host to connect to; the pod's address by default."),
      path: string('Path to ask for.', { default: '/' }),
      port: intOrString('Number or name of the port.', ZERO),
      scheme: oneOf('HTTP or HTTPS.', ['HTTP', 'HTTPS'], { default: 'HTTP' }),
      httpHeaders: list(
        'Headers to send.',
        object('HTTPHeader', 'A header.', { name: string('Its name.', ZERO), value: string('Its value.') }, { required: ['name'] }),
      ),
    },
    { required: ['port'] },
  ),
  tcpSocket: object(
    'TCPSocketAction',
    'Opens a connection; success when it opens.',
    { host: string("Host to connect to; the pod's address by default."), port: intOrString('Number or name of the port.', ZERO) },
    { required: ['port'] },
  ),
};

function probe(description: string): ObjectSchema {
  const fields: Readonly<Record<string, Schema>> = {
    ...PROBE_FIELDS,
    grpc: object(
      'GRPCAction',
      'Asks the gRPC health service.',
      { port: integer('The port.', { minimum: 1, maximum: 65535, ...ZERO }), service: string('The service to ask for.', { default: '' }) },
      { required: ['port'] },
    ),
    initialDelaySeconds: integer('Seconds from start to the first probe.', { minimum: 0 }),
    timeoutSeconds: integer('Seconds after which a probe has failed.', { default: 1, minimum: 0 }),
    periodSeconds: integer('Seconds between probes.', { default: 10, minimum: 0 }),
    successThreshold: integer('Successes in a row that count as success.', { default: 1, minimum: 0 }),
    failureThreshold: integer('Failures in a row that count as failure.', { default: 3, minimum: 0 }),
    terminationGracePeriodSeconds: long("Seconds of grace after a failure, instead of the pod's."),
  };
  return object('Probe', description, fields);
}

function lifecycleHandler(description: string): ObjectSchema {
  return object('LifecycleHandler', description, {
    ...PROBE_FIELDS,
    sleep: object('SleepAction', 'Waits.', { seconds: long('Seconds.', ZERO) }, { required: ['seconds'] }),
  });
}

const containerPortSchema = object(
  'ContainerPort',
  'A port that the container listens on.',
  {
    name: string('A name for it, unique in the pod.'),
    containerPort: integer('The port in the pod.', { minimum: 1, maximum: 65535 }),
    hostPort: integer("A port of the node that leads to it. Two pods that want the same one can't share a node."),
    protocol: oneOf('TCP, UDP or SCTP.', ['SCTP', 'TCP', 'UDP'], { default: 'TCP' }),
    hostIP: string('Address of the node to bind the host port to.', { check: 'ip' }),
  },
  { required: ['containerPort'] },
);

export const resourceRequirementsSchema: ObjectSchema = object(
  'ResourceRequirements',
  'How much of the node the container may use.',
  {
    limits: map('The most that it gets.', quantity('An amount.')),
    requests: map('What is set aside for it; its limits by default.', quantity('An amount.')),
    claims: any('Devices it uses.', { support: 'refused', why: 'the container would run without its devices' }),
  },
  { default: {} },
);

export const containerSchema: ObjectSchema = object(
  'Container',
  'One program of the pod.',
  {
    name: string('Name, unique in the pod. Cannot be changed.', { check: 'dns1123Label' }),
    image: string('Image to run.', { check: 'image' }),
    terminationMessagePolicy: oneOf(
      'Whether the end of the log stands in for last words of a failed container.',
      ['File', 'FallbackToLogsOnError'],
      { default: 'File' },
    ),
    ports: list('Ports that it listens on.', containerPortSchema, {
      patchMergeKey: 'containerPort',
      listMapKeys: ['containerPort', 'protocol'],
    }),
    env: envSchema,
    envFrom: envFromSchema,
    volumeMounts: volumeMountsSchema,
    volumeDevices: any('Block devices in it.', { support: 'refused', why: NO_VOLUMES }),
    imagePullPolicy: oneOf(
      'When the image is pulled. `Always` by default for `:latest` and for images without a tag, else `IfNotPresent`.',
      ['Always', 'IfNotPresent', 'Never'],
    ),
    resources: resourceRequirementsSchema,
    resizePolicy: any('What a change of resources restarts.', { support: 'stored', why: 'resources cannot be changed in place' }),
    securityContext: containerSecurityContextSchema,
    lifecycle: object('Lifecycle', 'What is done after the start and before the end.', {
      postStart: lifecycleHandler('After the start.'),
      preStop: lifecycleHandler('Before the end.'),
      stopSignal: string('Signal that ends it.', { support: 'stored', why: "the stop signal is the image's" }),
    }),
    livenessProbe: probe('Restarts the container when it fails.'),
    readinessProbe: probe('Takes the pod out of rotation while it fails.'),
    startupProbe: probe('Holds the other probes back until it succeeds.'),
    restartPolicy: string('`Always` makes a sidecar of an init container: it goes on beside the others.'),
    restartPolicyRules: any('Restarts by exit code.', {
      support: 'refused',
      why: 'the container would be restarted when it should not be',
    }),
    command: strings("Instead of the image's entry point. Not run in a shell; `$(VAR)` is expanded."),
    args: strings("Instead of the image's arguments; `$(VAR)` is expanded."),
    workingDir: string("Instead of the image's working directory."),
    terminationMessagePath: string('File that the container may leave its last words in.', { default: '/dev/termination-log' }),
    stdin: boolean('Keeps standard input open.'),
    stdinOnce: boolean('Closes standard input after the first attachment.'),
    tty: boolean('Gives it a terminal.'),
  },
  { required: ['name', 'image'] },
);
