"""Models behind any server that speaks the OpenAI chat-completions protocol."""

from __future__ import annotations

import asyncio
import json
import os
import queue
import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from sdpo_gym.completion import Completion, FinishReason, Usage
from sdpo_gym.errors import UsageError
from sdpo_gym.policies.base import Capability, PolicyError, Request, Sampling

_RETRIED_STATUS = frozenset({408, 409, 429})  # and every 5xx
_CONNECT_TIMEOUT_S = 10.0
_MAX_BACKOFF_S = 30.0
_MAX_RETRY_AFTER_S = 300.0
_MESSAGE_LENGTH = 300
# Servers differ in how wide a seed they take; every one takes 31 bits.
_SEED_MASK = 0x7FFFFFFF

_REFUSALS = {
    401: "give the right key in OPENAI_API_KEY",
    403: "give a key in OPENAI_API_KEY that may use this model",
    404: "check the base URL (it usually ends in /v1) and the name of the model",
}
# How servers word it that prompt and max_tokens together do not fit.
_CONTEXT_EXCEEDED = ("context length", "maximum context", "context size")
_Result = tuple[int, Completion | PolicyError]


class _TransientError(Exception):
    """A failure that may pass; ``retry_after_s`` is the wait that the server asked for."""

    def __init__(self, message: str, retry_after_s: float = 0.0) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class OpenAIPolicy:
    """Asks ``base_url`` + ``/chat/completions``, up to ``concurrency`` requests at a time.

    Connection errors, timeouts, answers that are no chat completion, and HTTP 408, 409, 429 and 5xx are tried again,
    after an exponential back-off with jitter and never sooner than ``Retry-After`` asks (up to 300 s). What then still
    fails, and any other HTTP error, is a ``PolicyError`` for that request alone.

    Args:
        model: the model's name on the server.
        base_url: such as ``http://localhost:8000/v1``; a user and password in it are sent as basic authentication
            instead of the key.
        key: sent as bearer token if not empty.
        concurrency: requests under way at a time.
        timeout_s: seconds until one try is given up.
        retries: further tries after the first.
        backoff_s: seconds of the first wait, which doubles with each try up to 30.
        logprobs: whether to ask for log-probabilities. Servers give those of the untempered distribution, so this
            works at temperature 1 only.

    Raises:
        UsageError: an argument is out of range.
    """

    def __init__(
        self,
        model: str,
        base_url: str,
        *,
        key: str = "",
        concurrency: int = 16,
        timeout_s: float = 600.0,
        retries: int = 5,
        backoff_s: float = 0.5,
        logprobs: bool = False,
    ) -> None:
        if concurrency < 1:
            raise UsageError(f"concurrency must be at least 1, got {concurrency}")
        if not timeout_s > 0:
            raise UsageError(f"timeout_s must be above 0 seconds, got {timeout_s}")
        if retries < 0:
            raise UsageError(f"retries must be at least 0, got {retries}")
        if not (key.isascii() and key.isprintable()):
            raise UsageError("OPENAI_API_KEY holds characters that no key has; set it again")
        self._model = model
        self._base_url, self._auth = _split_credentials(base_url)
        self._key = key
        self._concurrency, self._timeout_s = concurrency, timeout_s
        self._retries, self._backoff_s = retries, backoff_s
        self._logprobs = logprobs
        self.capabilities = frozenset({Capability.SEED} | ({Capability.LOGPROBS} if logprobs else set()))

    def generate(self, requests: Sequence[Request], sampling: Sampling) -> Iterator[_Result]:
        """Yield results as they arrive; closing the iterator cancels the requests that are still under way.

        The low 31 bits of each request's seed are sent; whether they fix the answer is up to the server.

        Raises:
            UsageError: log-probabilities are wanted at a temperature other than 1, or the server refuses the key, or
                does not know the address or the model.
        """
        if self._logprobs and sampling.temperature != 1:
            raise UsageError(
                f"a server's log-probabilities leave the temperature out, which is {sampling.temperature} here: "
                "use temperature 1, or do without logprobs"
            )
        results: queue.SimpleQueue[_Result | None] = queue.SimpleQueue()
        loop = asyncio.new_event_loop()
        main = loop.create_task(self._answer_all(requests, sampling, results.put))
        main.add_done_callback(lambda _: results.put(None))
        thread = threading.Thread(
            target=loop.run_until_complete, args=(asyncio.wait([main]),), name="openai-policy", daemon=True
        )
        thread.start()
        try:
            while (result := results.get()) is not None:
                yield result
            main.result()
        except ExceptionGroup as group:
            raise group.exceptions[0] from None
        finally:
            loop.call_soon_threadsafe(main.cancel)
            thread.join()
            loop.close()

    def describe(self) -> dict[str, Any]:
        """Return model and base URL, without key, user or password."""
        return {"policy": "openai", "model": self._model, "base_url": self._base_url, "logprobs": self._logprobs}

    def close(self) -> None:
        """Do nothing: connections live as long as one :meth:`generate`."""

    async def _answer_all(
        self, requests: Sequence[Request], sampling: Sampling, put: Callable[[_Result], None]
    ) -> None:
        waiting = iter(enumerate(requests))

        async def work(client: httpx.AsyncClient) -> None:
            for index, request in waiting:
                put((index, await self._answer(client, request, sampling)))

        async with (
            httpx.AsyncClient(
                auth=self._auth,
                headers={"Authorization": f"Bearer {self._key}"} if self._key else None,
                timeout=httpx.Timeout(None, connect=_CONNECT_TIMEOUT_S),
                limits=httpx.Limits(),  # none: there are as many requests as workers
            ) as client,
            asyncio.TaskGroup() as group,
        ):
            for _ in range(min(self._concurrency, len(requests))):
                group.create_task(work(client))

    async def _answer(
        self, client: httpx.AsyncClient, request: Request, sampling: Sampling
    ) -> Completion | PolicyError:
        body = self._body(request, sampling)
        jitter = random.Random(request.seed)
        tries = 0
        while True:
            tries += 1
            try:
                return await self._try_once(client, body)
            except PolicyError as error:
                return error
            except _TransientError as error:
                if tries > self._retries:
                    return PolicyError(f"{error} (given up after {tries} {'try' if tries == 1 else 'tries'})")
                backoff = min(self._backoff_s * 2 ** (tries - 1), _MAX_BACKOFF_S) * jitter.uniform(0.5, 1.0)
                await asyncio.sleep(error.retry_after_s + backoff)

    async def _try_once(self, client: httpx.AsyncClient, body: dict[str, Any]) -> Completion:
        url = f"{self._base_url}/chat/completions"
        try:
            async with asyncio.timeout(self._timeout_s):
                # ASCII JSON: a chat may quote text that UTF-8 cannot hold.
                response = await client.post(
                    url, content=json.dumps(body), headers={"Content-Type": "application/json"}
                )
        except TimeoutError as error:
            raise _TransientError(f"{url} did not answer within {self._timeout_s:g} s") from error
        except httpx.RequestError as error:
            # ReadError and its like often carry no text of their own.
            reason = self._quote(str(error)) or type(error).__name__
            raise _TransientError(f"cannot reach {url}: {reason}") from error
        if response.is_success:
            return self._completion(response)
        said = _server_message(response)
        message = f"{url} answered HTTP {response.status_code}: {self._quote(said)}"
        if response.status_code in _RETRIED_STATUS or response.status_code >= 500:
            raise _TransientError(message, _retry_after_s(response))
        if response.status_code in _REFUSALS:  # every other request would meet the same
            raise UsageError(f"{message}; {_REFUSALS[response.status_code]}")
        if response.status_code == 400 and any(words in said.lower() for words in _CONTEXT_EXCEEDED):
            raise PolicyError(f"{message}; give a smaller MAX_TOKENS (--max-tokens)", permanent=True)
        raise PolicyError(message)

    def _body(self, request: Request, sampling: Sampling) -> dict[str, Any]:
        body: dict[str, Any] = {
            "model": self._model,
            "messages": [{"role": m.role, "content": m.content} for m in request.messages],
            "n": 1,
            "max_tokens": sampling.max_tokens,
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "seed": request.seed & _SEED_MASK,
        }
        if sampling.stop:
            body["stop"] = list(sampling.stop)
        if self._logprobs:
            body["logprobs"] = True
        return body

    def _completion(self, response: httpx.Response) -> Completion:
        try:
            answer = response.json()
            choice = answer["choices"][0]
            text = choice["message"].get("content")
            reason = choice.get("finish_reason")
            # An answer whose reasoning the server split off, or used up all the tokens, may have no content.
            if text is None:
                text = ""
            if not isinstance(text, str):
                raise TypeError(f"content is {text!r}")
            logprobs = _logprobs(choice) if self._logprobs else None
            usage = _usage(answer)
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
            # Gateways answer 200 with an error or a cut body while the model behind them restarts.
            said = self._quote(response.text)
            raise _TransientError(f"{self._base_url} answered with no chat completion: {said}") from error
        if reason == "content_filter":
            raise PolicyError(f"{self._base_url} withheld the answer: finish_reason 'content_filter'")
        return Completion(
            # Half a surrogate pair can be written in JSON but not in UTF-8.
            text=text.encode("utf-8", "replace").decode(),
            finish_reason=FinishReason.LENGTH if reason == "length" else FinishReason.STOP,
            logprobs=logprobs,
            usage=usage,
        )

    def _quote(self, text: str) -> str:
        """Make ``text`` one short line without secrets, which some servers echo."""
        for secret in (self._key, self._auth[1] if self._auth else ""):
            if secret:
                text = text.replace(secret, "***")
        line = " ".join(text.split())
        return line if len(line) <= _MESSAGE_LENGTH else line[:_MESSAGE_LENGTH] + " [cut]"


def make(
    argument: str,
    *,
    model: str | None = None,
    base_url: str | None = None,
    concurrency: int = 16,
    timeout_s: float = 600.0,
    retries: int = 5,
    backoff_s: float = 0.5,
    logprobs: bool = False,
) -> OpenAIPolicy:
    """Make ``openai:MODEL``, or ``openai`` with the option ``model``.

    The base URL comes from the option or ``OPENAI_BASE_URL``, the key from ``OPENAI_API_KEY`` (none if unset).

    Raises:
        UsageError: model or base URL is missing, or both argument and option name a model and differ.
    """
    if argument and model and argument != model:
        raise UsageError(f"two models are named, {argument!r} and {model!r}; keep one")
    name = argument or model
    if not name:
        raise UsageError("policy 'openai' needs the model's name on the server: openai:MODEL")
    url = base_url or os.environ.get("OPENAI_BASE_URL")
    if not url:
        raise UsageError(
            "policy 'openai' needs a base URL (option base_url or OPENAI_BASE_URL), such as http://localhost:8000/v1"
        )
    return OpenAIPolicy(
        name,
        url,
        key=os.environ.get("OPENAI_API_KEY", "").strip(),
        concurrency=concurrency,
        timeout_s=timeout_s,
        retries=retries,
        backoff_s=backoff_s,
        logprobs=logprobs,
    )


def _split_credentials(base_url: str) -> tuple[str, tuple[str, str] | None]:
    """Return the URL without user and password, and those two."""
    try:
        url = httpx.URL(base_url)
    except httpx.InvalidURL as error:
        raise UsageError("the base URL is not a URL; it looks like http://localhost:8000/v1") from error
    auth = (url.username, url.password) if url.userinfo else None
    # Records and error messages show this URL, so parts that often carry keys are refused without being repeated.
    if url.scheme not in ("http", "https") or not url.host or url.query or url.fragment:
        raise UsageError(
            f"the base URL (host {url.host!r}) must be http:// or https:// with a host and neither '?' nor '#', "
            "such as http://localhost:8000/v1"
        )
    return str(url.copy_with(userinfo=b"")).rstrip("/"), auth


def _server_message(response: httpx.Response) -> str:
    """Return what the server says went wrong, whichever of the usual shapes it has."""
    with suppress(ValueError, RecursionError):
        found = response.json()
        for key in ("error", "message", "detail"):
            if isinstance(found, dict) and found.get(key):
                found = found[key]
        if isinstance(found, str):
            return found
    return response.text


def _retry_after_s(response: httpx.Response) -> float:
    """Return the seconds that the header ``Retry-After`` asks for (a number or an HTTP date), at most 300."""
    value = response.headers.get("Retry-After", "")
    seconds = 0.0
    try:
        seconds = float(value)
    except ValueError:
        with suppress(ValueError):
            seconds = parsedate_to_datetime(value).timestamp() - time.time()
    return min(seconds, _MAX_RETRY_AFTER_S) if seconds > 0 else 0.0


def _usage(answer: dict[str, Any]) -> Usage | None:
    usage = answer.get("usage") or {}
    prompt, completion = usage.get("prompt_tokens"), usage.get("completion_tokens")
    return Usage(prompt, completion) if isinstance(prompt, int) and isinstance(completion, int) else None


def _logprobs(choice: dict[str, Any]) -> tuple[float, ...] | None:
    listed = (choice.get("logprobs") or {}).get("content")
    return None if listed is None else tuple(float(token["logprob"]) for token in listed)
