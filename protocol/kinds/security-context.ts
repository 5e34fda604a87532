import { boolean, list, long, object, string, strings } from '../schema/build.ts';
import type { Described, ObjectSchema, Schema } from '../schema/schema.ts';

/** Security settings of pods and of containers. The process runtime refuses what it can't give; nothing keeps its programs apart. */

const ENGINE = "the engine's own settings hold";

/** Source: IsValidUserID, IsValidGroupID in apimachinery/pkg/util/validation. */
const USER_IDS = { minimum: 0, maximum: 2_147_483_647 };

const SHARED_FIELDS: Readonly<Record<string, Schema>> = {
  runAsUser: long('User id of the program.', USER_IDS),
  runAsGroup: long('Group id of the program.', USER_IDS),
  runAsNonRoot: boolean('Refuses to run as root.'),
  seLinuxOptions: object(
    'SELinuxOptions',
    'SELinux context.',
    {
      level: string('Level.'),
      role: string('Role.'),
      type: string('Type.'),
      user: string('User.'),
    },
    { support: 'stored', why: ENGINE },
  ),
  seccompProfile: profile('SeccompProfile', 'System calls it may make.', {
    support: 'refused',
    why: 'only RuntimeDefault and Unconfined are known',
  }),
  appArmorProfile: profile('AppArmorProfile', 'AppArmor profile.'),
  windowsOptions: object(
    'WindowsSecurityContextOptions',
    'For Windows, which Kith does not run on.',
    {
      gmsaCredentialSpec: string('Credential.'),
      gmsaCredentialSpecName: string('Name of the credential.'),
      hostProcess: boolean('Runs on the host.'),
      runAsUserName: string('User name.'),
    },
    { support: 'stored', why: 'only Linux containers run' },
  ),
};

function profile(typeName: string, description: string, localhost: Omit<Described, 'description'> = {}): ObjectSchema {
  return object(
    typeName,
    description,
    { type: string('Sort of the profile.'), localhostProfile: string('File on the node.', localhost) },
    { required: ['type'] },
  );
}

export const podSecurityContextSchema: ObjectSchema = object(
  'PodSecurityContext',
  'Security settings of all containers of the pod.',
  {
    ...SHARED_FIELDS,
    fsGroup: long('Group that owns volumes.', USER_IDS),
    fsGroupChangePolicy: string('When the owner of volumes is changed.', {
      inert: ['OnRootMismatch'],
      support: 'stored',
      why: 'it is given when a volume is made',
    }),
    supplementalGroups: list('Further groups.', long('A group.', USER_IDS)),
    supplementalGroupsPolicy: string('Whether the groups of the image count.', { inert: ['Merge'], support: 'stored', why: 'they do' }),
    seLinuxChangePolicy: string('How volumes are labelled.', { support: 'stored', why: ENGINE }),
    sysctls: list(
      'Kernel parameters.',
      object('Sysctl', 'A parameter.', { name: string('Its name.'), value: string('Its value.') }, { required: ['name', 'value'] }),
    ),
  },
  // Clients such as `kubectl debug` rely on its being there.
  { default: {} },
);

export const containerSecurityContextSchema: ObjectSchema = object('SecurityContext', 'Security settings of this container.', {
  ...SHARED_FIELDS,
  allowPrivilegeEscalation: boolean('Lets the program gain privileges.'),
  capabilities: object('Capabilities', 'Capabilities beyond or short of the usual.', {
    add: strings('Further ones.'),
    drop: strings('Fewer.'),
  }),
  privileged: boolean('Runs with all privileges of the node.'),
  procMount: string('How /proc is mounted.', { inert: ['Default'], support: 'stored', why: ENGINE }),
  readOnlyRootFilesystem: boolean('Nothing can be written to the image.'),
});
