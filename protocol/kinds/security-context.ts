import { boolean, list, long, object, oneOf, string, strings } from '../schema/build.ts';
import type { Described, ObjectSchema, Schema } from '../schema/schema.ts';

/** Security settings of pods and of containers. The process runtime refuses what it can't give; nothing keeps its programs apart. */

const ENGINE = "the engine's own settings hold";

/** Source: IsValidUserID, IsValidGroupID in apimachinery/pkg/util/validation. */
const USER_IDS = { minimum: 0, maximum: 2_147_483_647 };

/** In the order in which Kubernetes looks at them: the ids, then the profiles. */
const IDS: Readonly<Record<string, Schema>> = {
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
};

const PROFILES: Readonly<Record<string, Schema>> = {
  seccompProfile: profile('SeccompProfile', 'seccompProfile', 'System calls it may make.', {
    support: 'refused',
    why: 'only RuntimeDefault and Unconfined are known',
  }),
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
  appArmorProfile: profile('AppArmorProfile', 'appArmorProfile', 'AppArmor profile.'),
};

function profile(typeName: string, field: string, description: string, localhost: Omit<Described, 'description'> = {}): ObjectSchema {
  return object(
    typeName,
    description,
    {
      type: string('Sort of the profile.', { missing: { detail: `type is required when ${field} is set` } }),
      localhostProfile: string('File on the node.', localhost),
    },
    { required: ['type'] },
  );
}

export const podSecurityContextSchema: ObjectSchema = object(
  'PodSecurityContext',
  'Security settings of all containers of the pod.',
  {
    fsGroup: long('Group that owns volumes.', USER_IDS),
    ...IDS,
    supplementalGroups: list('Further groups.', long('A group.', USER_IDS)),
    sysctls: list(
      'Kernel parameters.',
      object(
        'Sysctl',
        'A parameter.',
        { name: string('Its name.'), value: string('Its value.', { missing: 'zero' }) },
        { required: ['name', 'value'] },
      ),
    ),
    fsGroupChangePolicy: oneOf('When the owner of volumes is changed.', ['Always', 'OnRootMismatch'], {
      inert: ['OnRootMismatch'],
      support: 'stored',
      why: 'it is given when a volume is made',
    }),
    ...PROFILES,
    supplementalGroupsPolicy: oneOf('Whether the groups of the image count.', ['Merge', 'Strict'], {
      inert: ['Merge'],
      support: 'stored',
      why: 'they do',
    }),
    seLinuxChangePolicy: oneOf('How volumes are labelled.', ['MountOption', 'Recursive'], { support: 'stored', why: ENGINE }),
  },
  // Clients such as `kubectl debug` rely on its being there.
  { default: {} },
);

export const containerSecurityContextSchema: ObjectSchema = object('SecurityContext', 'Security settings of this container.', {
  privileged: boolean('Runs with all privileges of the node.'),
  ...IDS,
  procMount: oneOf('How /proc is mounted.', ['Default', 'Unmasked'], { inert: ['Default'], support: 'stored', why: ENGINE }),
  ...PROFILES,
  allowPrivilegeEscalation: boolean('Lets the program gain privileges.'),
  capabilities: object('Capabilities', 'Capabilities beyond or short of the usual.', {
    add: strings('Further ones.'),
    drop: strings('Fewer.'),
  }),
  readOnlyRootFilesystem: boolean('Nothing can be written to the image.'),
});
