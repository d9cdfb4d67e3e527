/* report: one line a case, and the last line of the run. */

/* "part of a group: part of a case", either may be left out. */
const [only_group, only_case = ''] = (process.argv[2] || '').split(/: ?/);
let passed = 0;
let failed = 0;

/* Runs a case that the command line asks for, or which others need. Returns false when it failed. */
export async function test(group, name, body, needed = false) {
	const title = `${group}: ${name}`;
	if (!needed && !(group.includes(only_group) && name.includes(only_case)))
		return true;
	const began = Date.now();
	const seconds = () => `${((Date.now() - began) / 1000).toFixed(1)} s`;
	try {
		const note = await body();
		passed++;
		console.log(`ok    ${title} (${seconds()}${note ? `, ${note}` : ''})`);
		return true;
	} catch (e) {
		failed++;
		console.log(`FAIL  ${title} (${seconds()})\n      | ${(process.env.INTEROP_VERBOSE ? e.stack : e.message).split('\n').join('\n      | ')}`);
		return false;
	}
}

/* A case that cannot run here. */
export function skip(group, name, why) {
	console.log(`skip  ${group}: ${name}: ${why}`);
}

/* Could a case of this group, or of one whose name begins with it, be asked for? */
export function group_wanted(group) {
	return group.includes(only_group) || only_group.startsWith(group);
}

export function finish() {
	console.log(`${passed} passed, ${failed} failed`);
	process.exitCode = failed || !passed ? 1 : 0;
}
