// whip: offers of a peer connection by HTTP: WHIP (RFC 9725) to publish, WHEP to watch. Errors are sentences for people.

const ANSWER_WITHIN = 15000; // ms

// status: HTTP's, 0 where there was none; after: seconds until another try makes sense, 0: not said.
export class Refusal extends Error {
	constructor(text, status = 0, after = 0) {
		super(text);
		Object.assign(this, { status, after });
	}
}

function sentence(status, text, publishing) {
	if (status === 401) return "The server asks for a token, which this page does not have.";
	if (status === 409 && publishing) return "This room is taken: somebody publishes in it already.";
	if (status === 409) return "Nobody publishes in this room now.";
	if (status === 422 && !publishing) return `This browser cannot play what is sent here: ${text}.`;
	if (status === 429) return "The server gets too many requests from this address.";
	return `The server refuses (${status}): ${text}.`;
}

async function refusal(response, publishing) {
	const text = (await response.text()).trim();
	return new Refusal(sentence(response.status, text, publishing), response.status, Number(response.headers.get("Retry-After")) || 0);
}

async function ask(url, sdp) {
	try {
		return await fetch(url, { method: "POST", headers: { "Content-Type": "application/sdp" }, body: sdp, signal: AbortSignal.timeout(ANSWER_WITHIN) });
	} catch {
		throw new Refusal("The server does not answer."); // fetch() fails with a TypeError for every reason of the network
	}
}

// Offers at once, without waiting for candidates: the server learns ours from the first check that reaches it. Returns the URL of
// the session.
export async function negotiate(pc, url) {
	await pc.setLocalDescription(await pc.createOffer());
	const response = await ask(url, pc.localDescription.sdp);
	if (!response.ok) throw await refusal(response, url.startsWith("/whip/"));
	const location = response.headers.get("Location");
	const answer = await response.text();
	if (pc.signalingState === "closed") {
		hangUp(location);
		throw new Refusal("It was stopped.");
	}
	await pc.setRemoteDescription({ type: "answer", sdp: answer });
	return location;
}

export function hangUp(location) {
	if (location) fetch(location, { method: "DELETE", keepalive: true }).catch(() => {});
}
