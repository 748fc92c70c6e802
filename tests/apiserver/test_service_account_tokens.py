"""Tokens of service accounts: what they say, whom they let in, and when they end."""

import orjson
import pytest

from wherry.aio.http.messages import Headers, Request, Response
from wherry.api import Obj, kinds
from wherry.apiserver.authn.tokens import Signer, decode, new_keys
from wherry.client.interface import ApiError
from wherry.client.rest import RestClient
from wherry.testing.clock import FakeClock
from wherry.testing.cluster import ApiServer

WHO_AM_I = kinds.SELF_SUBJECT_REVIEW.path()


async def make_pod(client: RestClient) -> Obj:
    await client.create(kinds.SERVICE_ACCOUNT, {"metadata": {"name": "bot", "namespace": "default"}})
    spec = {"serviceAccountName": "bot", "containers": [{"name": "c", "image": "x"}], "nodeName": "n"}
    return await client.create(kinds.POD, {"metadata": {"name": "p", "namespace": "default"}, "spec": spec})


async def request_token(client: RestClient, **spec: object) -> str:
    answer = await client.create(
        kinds.SERVICE_ACCOUNT, {"metadata": {}, "spec": spec}, "default", name="bot", subresource="token"
    )
    token: str = answer["status"]["token"]
    return token


async def identity(api: ApiServer, token: str) -> tuple[int, Obj]:
    headers = Headers([("Authorization", f"Bearer {token}"), ("Content-Type", "application/json")])
    response = await api.server.handler(Request("POST", WHO_AM_I, "", headers, b"{}"))
    assert isinstance(response, Response) and isinstance(response.body, bytes)
    return response.status, orjson.loads(response.body)


async def test_a_token_speaks_for_its_account_as_long_as_its_pod_lives(api: ApiServer, client: RestClient) -> None:
    pod = await make_pod(client)
    bound = {"apiVersion": "v1", "kind": "Pod", "name": "p", "uid": pod["metadata"]["uid"]}
    token = await request_token(client, boundObjectRef=bound, expirationSeconds=3600)
    claims = orjson.loads(decode(token.split(".")[1]))
    assert claims["sub"] == "system:serviceaccount:default:bot"
    assert claims["kubernetes.io"]["pod"] == {"name": "p", "uid": pod["metadata"]["uid"]}
    assert claims["kubernetes.io"]["node"] == {"name": "n"}
    status, answer = await identity(api, token)
    info = answer["status"]["userInfo"]
    assert (status, info["username"]) == (201, "system:serviceaccount:default:bot")
    assert "system:serviceaccounts:default" in info["groups"]
    assert info["extra"]["authentication.kubernetes.io/pod-name"] == ["p"]
    await client.delete(kinds.POD, "p", "default", grace_period=0)
    assert (await identity(api, token))[0] == 401


async def test_a_token_ends_with_its_account_and_a_new_account_does_not_revive_it(
    api: ApiServer, client: RestClient
) -> None:
    await make_pod(client)
    token = await request_token(client)
    assert (await identity(api, token))[0] == 201
    await client.delete(kinds.SERVICE_ACCOUNT, "bot", "default")
    assert (await identity(api, token))[0] == 401
    await client.create(kinds.SERVICE_ACCOUNT, {"metadata": {"name": "bot", "namespace": "default"}})
    assert (await identity(api, token))[0] == 401


async def test_a_token_ends_with_its_time() -> None:
    clock = FakeClock()
    async with ApiServer(clock=clock) as api:
        await make_pod(api.client)
        token = await request_token(api.client, expirationSeconds=600)
        await clock.advance(599)
        assert (await identity(api, token))[0] == 201
        await clock.advance(120)
        assert (await identity(api, token))[0] == 401


async def test_a_token_for_another_audience_opens_nothing_here(api: ApiServer, client: RestClient) -> None:
    await make_pod(client)
    token = await request_token(client, audiences=["vault"])
    assert (await identity(api, token))[0] == 401
    review = {"metadata": {}, "spec": {"token": token, "audiences": ["vault", "other"]}}
    status = (await client.create(kinds.TOKEN_REVIEW, review))["status"]
    assert (status["authenticated"], status["audiences"]) == (True, ["vault"])


@pytest.mark.parametrize("change", ["signature", "claims", "algorithm"])
def test_a_changed_token_is_not_believed(change: str) -> None:
    signer = Signer(new_keys())
    head, body, signature = signer.sign({"sub": "a"}).split(".")
    other = Signer(new_keys()).sign({"sub": "b"}).split(".")
    changed = {
        "signature": [head, body, other[2]],
        "claims": [head, other[1], signature],
        "algorithm": ["eyJhbGciOiJub25lIn0", body, ""],
    }[change]
    assert signer.verify(".".join([head, body, signature])) == {"sub": "a"}
    assert signer.verify(".".join(changed)) is None


async def test_short_lives_and_wrong_pods_are_refused(client: RestClient) -> None:
    await make_pod(client)
    with pytest.raises(ApiError, match="may not specify a duration less than 10 minutes"):
        await request_token(client, expirationSeconds=60)
    bound = {"apiVersion": "v1", "kind": "Pod", "name": "p", "uid": "00000000-0000-0000-0000-000000000000"}
    with pytest.raises(ApiError, match="does not match the UID in record"):
        await request_token(client, boundObjectRef=bound)
