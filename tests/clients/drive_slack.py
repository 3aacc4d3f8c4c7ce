"""slack_sdk drives the stand-in for Slack: python drive_slack.py API_URL TOKEN SIGNING_SECRET

The script is an app: its Web API calls go to the stand-in, and a small server takes what the stand-in sends. What a
person has to do it asks for with a line on stdout that begins with `>`: `> command`, `> click`, `> submit`.
"""

import html
import http.server
import json
import queue
import sys
import threading
import time
import urllib.parse

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.http_retry.builtin_handlers import RateLimitErrorRetryHandler
from slack_sdk.signature import Clock, SignatureVerifier
from slack_sdk.webhook import WebhookClient

INCIDENTS, OPS, RANDOM = "C0INC00001", "C0OPS00001", "C0RANDOM01"
DEV, SRE, LEAD, GUEST, SRE_TEAM = "U0DEV00001", "U0SRE00001", "U0LEAD0001", "U0GUEST001", "S0SRE00001"
TYPED = "prod api because a < b & “checkout” fails"
PATIENCE = 15


def say(words):
    print(words, flush=True)


class Later(Clock):
    """The time in six minutes: Slack's requests are good for five."""

    def now(self):
        return time.time() + 360


class App:
    """Takes what Slack sends, after its signature was verified."""

    def __init__(self, secret):
        self.requests = queue.Queue()
        app = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                headers = {name.lower(): value for name, value in self.headers.items()}
                app.requests.put((self.path, headers, body))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.secret = secret
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def take(self, path):
        """The next request, as a form; its signature has been verified, and four false ones refused."""
        came_to, headers, body = self.requests.get(timeout=PATIENCE)
        assert came_to == path, (came_to, path)
        assert headers["content-type"].startswith("application/x-www-form-urlencoded"), headers
        sound = SignatureVerifier(self.secret)
        assert sound.is_valid_request(body, headers), f"the signature of {path} is not Slack's: {headers}"
        assert not sound.is_valid_request(body + "&", headers), "a changed body passes"
        assert not SignatureVerifier("another").is_valid_request(body, headers), "another secret passes"
        assert not SignatureVerifier(self.secret, Later()).is_valid_request(body, headers), "an old request passes"
        return dict(urllib.parse.parse_qsl(body, keep_blank_values=True, strict_parsing=True))

    def payload(self, path="/slack/interactions"):
        return json.loads(self.take(path)["payload"])


def refused(code, call, **request):
    """The call is refused with this code; returns the reply."""
    try:
        call(**request)
    except SlackApiError as error:
        assert error.response["error"] == code, error.response
        assert error.response.status_code == (429 if code == "ratelimited" else 200), error.response.status_code
        say(f"  refused as it should be: {code}")
        return error.response
    raise AssertionError(f"{request} was taken, not refused with {code}")


def card(text):
    return [
        {"type": "section", "text": {"type": "mrkdwn", "text": text, "verbatim": True}},
        {"type": "actions", "block_id": "choice", "elements": [
            {"type": "button", "action_id": "go", "value": "go:1", "style": "primary",
             "text": {"type": "plain_text", "text": "Go"}}]},
    ]


def people(client):
    me = client.auth_test()
    assert me["team_id"] == "T0SANDBOX1" and me["user_id"] == "U0ROLLBOT1" and me["bot_id"], me.data
    dev = client.users_info(user=DEV)["user"]
    assert dev["name"] == "dev" and not dev["is_bot"] and not dev["is_restricted"] and not dev["deleted"], dev
    assert client.users_info(user=GUEST)["user"]["is_restricted"]
    assert client.usergroups_users_list(usergroup=SRE_TEAM)["users"] == [SRE, "U0SRE00002"]
    info = client.conversations_info(channel=INCIDENTS)["channel"]
    assert info["name"] == "incidents" and info["is_member"], info
    members = [user for page in client.conversations_members(channel=INCIDENTS, limit=2) for user in page["members"]]
    assert DEV in members and SRE in members and len(members) == len(set(members)), members
    say(f"{me['user']} is in {me['team']}; #{info['name']} has {len(members)} members")
    refused("user_not_found", client.users_info, user="U0NOBODY00")
    refused("no_such_subteam", client.usergroups_users_list, usergroup="S0NOBODY00")
    refused("channel_not_found", client.conversations_info, channel="C0NOWHERE0")
    lacking = refused("missing_scope", client.reactions_add, channel=INCIDENTS, timestamp="1.2", name="eyes")
    assert lacking["needed"] == "reactions:write" and "chat:write" in lacking["provided"], lacking.data
    stranger = WebClient(token="xoxb-nobody", base_url=client.base_url)
    refused("invalid_auth", stranger.auth_test)


def messages(client):
    mark = {"event_type": "rollbot", "event_payload": {"incident": "rb-7k3fq", "event": "3"}}
    posted = client.chat_postMessage(channel=INCIDENTS, text="a card", blocks=card("*one*"), metadata=mark)
    ts = posted["ts"]
    assert posted["channel"] == INCIDENTS and posted["message"]["blocks"][1]["block_id"] == "choice", posted.data
    reply = client.chat_postMessage(channel=INCIDENTS, thread_ts=ts, text="in the thread")
    changed = client.chat_update(channel=INCIDENTS, ts=ts, text="a card", blocks=card("*two*"), metadata=mark)
    assert changed["ts"] == ts and changed["message"]["edited"], changed.data
    link = client.chat_getPermalink(channel=INCIDENTS, message_ts=ts)["permalink"]
    assert link.endswith("/p" + ts.replace(".", "")), link
    whisper = client.chat_postEphemeral(channel=INCIDENTS, user=DEV, text="only you see this")["message_ts"]
    other = client.chat_postMessage(channel=INCIDENTS, text="another")["ts"]

    pages = client.conversations_history(channel=INCIDENTS, limit=1, include_all_metadata=True)
    found = [message for page in pages for message in page["messages"]]
    assert [message["ts"] for message in found] == [other, ts], found
    assert whisper not in [message["ts"] for message in found]
    root = found[1]
    assert root["metadata"] == mark and root["reply_count"] == 1 and root["latest_reply"] == reply["ts"], root
    assert root["blocks"][0]["text"]["text"] == "*two*", root
    thread = client.conversations_replies(channel=INCIDENTS, ts=ts, include_all_metadata=True)["messages"]
    assert [message["ts"] for message in thread] == [ts, reply["ts"]] and thread[0]["metadata"] == mark, thread
    brief = client.conversations_replies(channel=INCIDENTS, ts=ts)["messages"][0]["metadata"]
    assert brief == {"event_type": "rollbot"}, brief
    since = client.conversations_history(channel=INCIDENTS, oldest=ts, inclusive=False)["messages"]
    assert [message["ts"] for message in since] == [other], since
    say(f"posted {ts}, changed it, answered it, and found it again by its metadata")

    refused("message_not_found", client.chat_update, channel=INCIDENTS, ts="1700000000.000100", text="nothing there")
    refused("user_not_in_channel", client.chat_postEphemeral, channel=OPS, user=DEV, text="you are not here")
    refused("thread_not_found", client.conversations_replies, channel=INCIDENTS, ts="1700000000.000100")
    return ts


def wrong_blocks(client):
    unsound = card("*three*")
    unsound[0]["text"]["text"] = "x" * 3001
    unsound[1]["elements"][0]["colour"] = "red"
    reply = refused("invalid_blocks", client.chat_postMessage, channel=OPS, text="a card", blocks=unsound)
    told = " ".join(reply["response_metadata"]["messages"])
    assert reply["errors"], reply.data
    for pointer in ("[json-pointer:/blocks/0/text/text]", "[json-pointer:/blocks/1/elements/0"):
        assert pointer in told, (pointer, told)
    refused("no_text", client.chat_postMessage, channel=OPS, text="")
    say("wrong blocks are refused with pointers to what is wrong")


def too_fast(api, token, client):
    """Five posts within five seconds pass in a channel; the next is told when to come back."""
    for number in range(5):
        client.chat_postMessage(channel=RANDOM, text=f"message {number}")
    reply = refused("ratelimited", client.chat_postMessage, channel=RANDOM, text="message 5")
    wait = int(reply.headers["Retry-After"])
    assert 1 <= wait <= 5, reply.headers
    patient = WebClient(token=token, base_url=api, retry_handlers=[RateLimitErrorRetryHandler(max_retry_count=1)])
    began = time.monotonic()
    assert patient.chat_postMessage(channel=RANDOM, text="message 5")["ok"]
    took = time.monotonic() - began
    assert took > wait - 2, f"the retry came after {took:.1f} s of {wait}"
    say(f"the sixth post was told to wait {wait} s; with slack_sdk's retry handler it arrived after {took:.1f} s")


def person(app, client, ts):
    say(f"> command http://127.0.0.1:{app.server.server_port} {TYPED}")
    form = app.take("/slack/commands")
    assert form["command"] == "/rollback" and form["user_id"] == DEV and form["channel_id"] == INCIDENTS, form
    assert form["team_id"] == "T0SANDBOX1" and html.unescape(form["text"]) == TYPED, form
    answered = WebhookClient(form["response_url"]).send(text="you asked", response_type="ephemeral")
    assert answered.status_code == 200, answered.body
    say(f"took “{form['text']}” from {form['user_name']}, and answered at its response_url")

    say(f"> click {INCIDENTS} {ts} Go")
    click = app.payload()
    assert click["type"] == "block_actions" and click["user"]["id"] == DEV, click
    assert click["container"] == {"type": "message", "message_ts": ts, "channel_id": INCIDENTS, "is_ephemeral": False}
    action = click["actions"][0]
    assert (action["action_id"], action["block_id"], action["value"]) == ("go", "choice", "go:1"), action
    field = {"type": "input", "block_id": "phrase", "label": {"type": "plain_text", "text": "Phrase"},
             "element": {"type": "plain_text_input", "action_id": "typed"}}
    title, send = {"type": "plain_text", "text": "Sure?"}, {"type": "plain_text", "text": "Send"}
    view = client.views_open(trigger_id=click["trigger_id"], view={
        "type": "modal", "callback_id": "sure", "private_metadata": "rb-7k3fq", "title": title, "submit": send,
        "blocks": [field]})["view"]
    refused("exchanged_trigger_id", client.views_open, trigger_id=click["trigger_id"], view={
        "type": "modal", "title": title, "submit": send, "blocks": [field]})

    say("> submit Phrase=rollback-production")
    sent = app.payload()
    assert sent["type"] == "view_submission" and sent["view"]["id"] == view["id"], sent
    assert sent["view"]["private_metadata"] == "rb-7k3fq", sent
    assert sent["view"]["state"]["values"]["phrase"]["typed"]["value"] == "rollback-production", sent["view"]["state"]
    say("a click opened a form, and the form came back")


if __name__ == "__main__":
    api_url, bot_token, signing_secret = sys.argv[1:]
    api_url += "/"
    web = WebClient(token=bot_token, base_url=api_url, retry_handlers=[])
    people(web)
    posted_ts = messages(web)
    wrong_blocks(web)
    person(App(signing_secret), web, posted_ts)
    too_fast(api_url, bot_token, web)
    say("done")
