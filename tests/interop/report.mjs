/* report: one line a case, and the last line of the run. */

const only = process.argv[2] || '';
let passed = 0;
let failed = 0;

/* Runs a case whose name holds what the command line asks for. Returns false when it failed. */
export async function test(group, name, body) {
	const title = `${group}: ${name}`;
	if (!title.includes(only) && !name.startsWith('everything for it'))
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

/* Could a case of this group, or of one whose name begins with it, be asked for? */
export function group_wanted(group) {
	return only === '' || only.startsWith(group) || group.includes(only);
}

export function finish() {
	console.log(`${passed} passed, ${failed} failed`);
	process.exitCode = failed || !passed ? 1 : 0;
}
