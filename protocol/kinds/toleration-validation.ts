import { childPath, invalid } from '../schema/field-errors.ts';
import type { PodSpec } from '../types.ts';
import { checkLabelValue } from '../values/names.ts';
import type { FieldError } from './kind.ts';

/** Source: ValidateTolerations in pkg/apis/core/validation/validation.go (behaviour and wording). */
export function validateTolerations({ tolerations = [] }: PodSpec, path: string): FieldError[] {
  const errors: FieldError[] = [];
  for (const [index, toleration] of tolerations.entries()) {
    const at = childPath(childPath(path, 'tolerations'), index);
    const { key = '', operator = '', value = '', effect = '', tolerationSeconds } = toleration;
    if (key === '' && operator !== 'Exists')
      errors.push(
        invalid(
          childPath(at, 'operator'),
          operator,
          'operator must be Exists when `key` is empty, which means "match all values and all keys"',
        ),
      );
    if (tolerationSeconds !== undefined && effect !== 'NoExecute')
      errors.push(invalid(childPath(at, 'effect'), effect, "effect must be 'NoExecute' when `tolerationSeconds` is set"));
    if (operator === 'Exists') {
      if (value !== '') errors.push(invalid(childPath(at, 'operator'), value, "value must be empty when `operator` is 'Exists'"));
      continue;
    }
    const problems = checkLabelValue(value);
    if (problems.length > 0) errors.push(invalid(childPath(at, 'operator'), value, problems.join(';')));
  }
  return errors;
}
