"""What a model is told about waiting, for hosts that let a person choose it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from mcp import types
from mcp.shared.exceptions import MCPError

if TYPE_CHECKING:
    from mcp.server.context import ServerRequestContext

NAME: Final = "long_commands"
TEXT: Final = """\
1. Start whatever may take longer than a few seconds with job_run. It is on disk before you are answered.
2. Give each such call an idempotency_key of your own: the same call again gives the same job, never a second one.
3. If the answer has terminal=true, it is over: read status, exit_code, stdout, stderr.
4. If it has terminal=false, that is no error: the job goes on. Make the call in `next`.
5. Waiting ends nothing: call job_wait as often as needed, with up to 50 wait_seconds. Do not sleep.
6. Have several jobs? One job_wait with all job_ids; any=true returns with the first that ends.
7. Lost an answer, or was a call cut off? Do not start it again: look in job_list, or repeat the key.
8. Long output comes in pieces: job_output from next_offset on, its tail, or grep for what you look for.
9. Not needed any more? job_cancel ends all its processes. Nothing else does.
10. failed with reason timeout or idle_timeout: a limit killed it. lost: nobody can know; look before you start it again.
"""

PROMPT: Final = types.Prompt(
    name=NAME,
    title="Commands that take long",
    description="How to start, wait for and read what takes longer than a call may.",
)


async def list_prompts(
    _: ServerRequestContext[Any, Any], __: types.PaginatedRequestParams | None
) -> types.ListPromptsResult:
    """Tell which there are."""
    return types.ListPromptsResult(prompts=[PROMPT])


async def get_prompt(
    _: ServerRequestContext[Any, Any], params: types.GetPromptRequestParams
) -> types.GetPromptResult:
    """Return the one that there is."""
    if params.name != NAME:
        words = f"There is no prompt {params.name!r:.80}: {NAME}"
        raise MCPError(code=types.INVALID_PARAMS, message=words)
    content = types.TextContent(type="text", text=TEXT)
    return types.GetPromptResult(
        description=PROMPT.description,
        messages=[types.PromptMessage(role="user", content=content)],
    )
