import { boolean, list, long, object, string, strings } from '../schema/build.ts';
import type { ObjectSchema, Schema } from '../schema/schema.ts';

/** Security settings of pods and of containers: kept, and warned of, until the runtimes carry them out. */

const WHY = "containers run with their image's user and the engine's defaults";

const SHARED_FIELDS: Readonly<Record<string, Schema>> = {
  runAsUser: long('User id of the program.', { minimum: 0 }),
  runAsGroup: long('Group id of the program.', { minimum: 0 }),
  runAsNonRoot: boolean('Refuses to run as root.'),
  seLinuxOptions: object('SELinuxOptions', 'SELinux context.', {
    level: string('Level.'),
    role: string('Role.'),
    type: string('Type.'),
    user: string('User.'),
  }),
  seccompProfile: profile('SeccompProfile', 'System calls it may make.'),
  appArmorProfile: profile('AppArmorProfile', 'AppArmor profile.'),
  windowsOptions: object('WindowsSecurityContextOptions', 'For Windows, which Kith does not run on.', {
    gmsaCredentialSpec: string('Credential.'),
    gmsaCredentialSpecName: string('Name of the credential.'),
    hostProcess: boolean('Runs on the host.'),
    runAsUserName: string('User name.'),
  }),
};

function profile(typeName: string, description: string): ObjectSchema {
  return object(
    typeName,
    description,
    { type: string('Sort of the profile.'), localhostProfile: string('File on the node.') },
    { required: ['type'] },
  );
}

export const podSecurityContextSchema: ObjectSchema = object(
  'PodSecurityContext',
  'Security settings of all containers of the pod.',
  {
    ...SHARED_FIELDS,
    fsGroup: long('Group that owns volumes.', { minimum: 0 }),
    fsGroupChangePolicy: string('When the owner of volumes is changed.'),
    supplementalGroups: list('Further groups.', long('A group.')),
    supplementalGroupsPolicy: string('Whether the groups of the image count.'),
    seLinuxChangePolicy: string('How volumes are labelled.'),
    sysctls: list(
      'Kernel parameters.',
      object('Sysctl', 'A parameter.', { name: string('Its name.'), value: string('Its value.') }, { required: ['name', 'value'] }),
    ),
  },
  // Clients such as `kubectl debug` rely on its being there.
  { default: {}, support: 'stored', why: WHY },
);

export const containerSecurityContextSchema: ObjectSchema = object(
  'SecurityContext',
  'Security settings of this container.',
  {
    ...SHARED_FIELDS,
    allowPrivilegeEscalation: boolean('Lets the program gain privileges.', { inert: [true] }),
    capabilities: object('Capabilities', 'Capabilities beyond or short of the usual.', {
      add: strings('Further ones.'),
      drop: strings('Fewer.'),
    }),
    privileged: boolean('Runs with all privileges of the node.'),
    procMount: string('How /proc is mounted.', { inert: ['Default'] }),
    readOnlyRootFilesystem: boolean('Nothing can be written to the image.'),
  },
  { support: 'stored', why: WHY },
);
