import { expect, it } from 'vitest';
import { refusalText } from '../../cli/commands/apply.ts';
import { ApiError } from '../../cli/errors.ts';

const item = { where: 'web.yaml:3', at: (field: string) => `web.yaml:${field === 'spec.replicas' ? 8 : 12}` };

it('names the line of the object when the server names no field', () => {
  const error = new ApiError(409, 'AlreadyExists', 'pods "web" already exists');
  expect(refusalText(item, error)).toBe('Error from server (AlreadyExists): error when handling "web.yaml:3": pods "web" already exists\n');
});

it('names the line of the field that is wrong, and those of all others below', () => {
  const causes = [
    { field: 'spec.replicas', message: 'Invalid value: -1' },
    { message: 'in general' },
    { field: 'spec.x', message: 'Required value' },
  ];
  const error = new ApiError(422, 'Invalid', 'it is invalid', causes);
  expect(refusalText(item, error)).toBe(
    'Error from server (Invalid): error when handling "web.yaml:8": it is invalid\n' +
      '  web.yaml:8: spec.replicas: Invalid value: -1\n  web.yaml:12: spec.x: Required value\n',
  );
  const said = new ApiError(422, 'Invalid', 'spec.replicas: Invalid value: -1', causes.slice(0, 1));
  expect(refusalText(item, said).split('\n')).toHaveLength(2);
});
