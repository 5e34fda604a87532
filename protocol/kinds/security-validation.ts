import { childPath, duplicate, forbidden, GoStruct, invalid, notSupported, required, tooLong } from '../schema/field-errors.ts';
import type { Container, PodSpec } from '../types.ts';
import type { FieldError } from './kind.ts';

/** What the schema can't say of security contexts. Source: ValidateSecurityContext and validatePodSpecSecurityContext in pkg/apis/core/validation (behaviour and wording). */

type Context = NonNullable<Container['securityContext']>;
type Profile = NonNullable<Context['seccompProfile']>;

const PROFILE_TYPES = ['Localhost', 'RuntimeDefault', 'Unconfined'];
const MAX_PROFILE_BYTES = 4_095;
const SYSCTL = '([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?';
const SYSCTL_REGEX = new RegExp(`^${SYSCTL}$`);
const MAX_SYSCTL_LENGTH = 253;

export function validatePodSecurity(spec: PodSpec, path: string): FieldError[] {
  const at = childPath(path, 'securityContext');
  const { sysctls = [], seccompProfile, appArmorProfile } = spec.securityContext ?? {};
  const errors: FieldError[] = [];
  if (spec.shareProcessNamespace === true && spec.hostPID === true)
    errors.push(invalid(childPath(at, 'shareProcessNamespace'), true, 'ShareProcessNamespace and HostPID cannot both be enabled'));
  errors.push(...validateSysctls(sysctls, childPath(at, 'sysctls')));
  return [...errors, ...validateSeccomp(seccompProfile, childPath(at, 'seccompProfile')), ...validateAppArmor(appArmorProfile, at)];
}

export function validateContainerSecurity(context: Context | undefined, path: string, hostUsers: boolean): FieldError[] {
  if (context === undefined) return [];
  const at = childPath(path, 'securityContext');
  const errors: FieldError[] = [];
  if (hostUsers && context.procMount === 'Unmasked')
    errors.push(invalid(childPath(at, 'procMount'), 'Unmasked', '`hostUsers` must be false to use `Unmasked`'));
  errors.push(...validateSeccomp(context.seccompProfile, childPath(at, 'seccompProfile')));
  if (context.allowPrivilegeEscalation === false) {
    const refuses = 'cannot set `allowPrivilegeEscalation` to false and';
    if (context.privileged === true) errors.push(invalid(at, shownContext(context), `${refuses} \`privileged\` to true`));
    if (context.capabilities?.add?.includes('CAP_SYS_ADMIN') === true)
      errors.push(invalid(at, shownContext(context), `${refuses} \`capabilities.Add\` CAP_SYS_ADMIN`));
  }
  return [...errors, ...validateAppArmor(context.appArmorProfile, at)];
}

/** Source: validateHostUsers. */
export function validateHostUsers({ hostUsers, hostNetwork, hostPID, hostIPC }: PodSpec, path: string): FieldError[] {
  if (hostUsers !== false) return [];
  const shared = { hostNetwork, HostPID: hostPID, HostIPC: hostIPC };
  return Object.entries(shared).flatMap(([field, value]) =>
    value === true ? [forbidden(childPath(path, field), 'when `hostUsers` is false')] : [],
  );
}

function validateSysctls(sysctls: readonly { name?: string }[], path: string): FieldError[] {
  const seen = new Set<string>();
  return sysctls.flatMap(({ name = '' }, index) => {
    const at = `${childPath(path, index)}.name`;
    const isRepeated = seen.has(name);
    seen.add(name);
    if (name === '') return [];
    if (name.length > MAX_SYSCTL_LENGTH || !SYSCTL_REGEX.test(name))
      return [invalid(at, name, `must have at most ${MAX_SYSCTL_LENGTH} characters and match regex ^${SYSCTL}$`)];
    return isRepeated ? [duplicate(at, name)] : [];
  });
}

function validateSeccomp(profile: Profile | undefined, at: string): FieldError[] {
  if (profile === undefined) return [];
  const { type = '', localhostProfile }: Partial<Profile> = profile;
  const file = childPath(at, 'localhostProfile');
  const errors: FieldError[] = [];
  if (type !== '' && !PROFILE_TYPES.includes(type)) errors.push(notSupported(childPath(at, 'type'), type, PROFILE_TYPES));
  if (type !== 'Localhost') {
    const shown = new GoStruct({ Type: type, LocalhostProfile: localhostProfile });
    if (localhostProfile !== undefined) errors.push(invalid(file, shown, 'can only be set when seccomp type is Localhost'));
  } else if (localhostProfile === undefined) errors.push(required(file, 'must be set when seccomp type is Localhost'));
  else {
    if (localhostProfile.startsWith('/')) errors.push(invalid(file, localhostProfile, 'must be a relative path'));
    if (localhostProfile.split('/').includes('..')) errors.push(invalid(file, localhostProfile, "must not contain '..'"));
  }
  return errors;
}

function validateAppArmor(profile: Profile | undefined, path: string): FieldError[] {
  if (profile === undefined) return [];
  const at = childPath(path, 'appArmorProfile');
  const file = childPath(at, 'localhostProfile');
  const { type = '', localhostProfile: given }: Partial<Profile> = profile;
  if (type === '') return [];
  if (!PROFILE_TYPES.includes(type)) return [notSupported(childPath(at, 'type'), type, PROFILE_TYPES)];
  if (type !== 'Localhost') return given === undefined ? [] : [invalid(file, given, 'can only be set when AppArmor type is Localhost')];
  if (given === undefined || given === '') return [required(file, 'must be set when AppArmor type is Localhost')];
  const errors = given.trim() === given ? [] : [invalid(file, given, 'must not be padded with whitespace')];
  if (Buffer.byteLength(given) > MAX_PROFILE_BYTES) errors.push(tooLong(file, MAX_PROFILE_BYTES));
  return errors;
}

function shownContext(context: Context): GoStruct {
  const { capabilities, seLinuxOptions, windowsOptions, seccompProfile, appArmorProfile } = context;
  const profile = (given: Profile | undefined): GoStruct | undefined =>
    given && new GoStruct({ Type: given.type, LocalhostProfile: given.localhostProfile });
  const { user = '', role = '', type = '', level = '' } = seLinuxOptions ?? {};
  return new GoStruct({
    Capabilities: capabilities && new GoStruct({ Add: capabilities.add, Drop: capabilities.drop }),
    Privileged: context.privileged,
    SELinuxOptions: seLinuxOptions && new GoStruct({ User: user, Role: role, Type: type, Level: level }),
    WindowsOptions: windowsOptions,
    RunAsUser: context.runAsUser,
    RunAsGroup: context.runAsGroup,
    RunAsNonRoot: context.runAsNonRoot,
    ReadOnlyRootFilesystem: context.readOnlyRootFilesystem,
    AllowPrivilegeEscalation: context.allowPrivilegeEscalation,
    ProcMount: context.procMount,
    SeccompProfile: profile(seccompProfile),
    AppArmorProfile: profile(appArmorProfile),
  });
}
