"""What jobs print, as resources; and the prompt that teaches to wait."""

from __future__ import annotations

import pytest
from mcp import MCPError, types
from mcp.client.subscriptions import ResourceUpdated

from .conftest import ERAS, Host, go


@pytest.mark.parametrize("era", ERAS)
def test_output_is_a_resource(host: Host, era: str) -> None:
    """Listed by the newest jobs, read by its address, any stream of any node; the end of a long one."""

    async def story() -> None:
        async with host.agent(era) as agent:
            told = await agent("job_run", command="seq 20000; echo err >&2")
            address = f"outlast://jobs/{told['job_id']}/output"
            (listed,) = (await agent.client.list_resources()).resources
            assert address == str(listed.uri)
            (read,) = (await agent.client.read_resource(address)).contents
            assert isinstance(read, types.TextResourceContents)
            assert read.text.startswith("[43,358 bytes before this")
            assert read.text.endswith("19999\n20000\n")
            other = f"outlast://jobs/{told['job_id']}/nodes/0/stderr"
            (read,) = (await agent.client.read_resource(other)).contents
            assert isinstance(read, types.TextResourceContents)
            assert "err\n" == read.text
            (template,) = (await agent.client.list_resource_templates()).resource_templates
            assert "{job_id}" in template.uri_template
            for wrong in (
                "outlast://jobs/job_01K90000000000000000000000/output",
                f"outlast://jobs/{told['job_id']}/nodes/7/stdout",
                "outlast://secrets",
            ):
                with pytest.raises(MCPError) as caught:
                    await agent.client.read_resource(wrong)
                assert types.INVALID_PARAMS == caught.value.error.code

    go(story)


def test_a_resource_that_grows_is_told_of(host: Host) -> None:
    """To whoever listens: while the job prints, and once it is over."""

    async def story() -> None:
        async with host.agent() as agent:
            told = await agent(
                "job_run",
                command="until [ -e gate ]; do sleep 0.05; done; echo grown",
                wait_seconds=0,
            )
            address = f"outlast://jobs/{told['job_id']}/output"
            nobody = "outlast://jobs/job_01K90000000000000000000000/output"
            async with agent.client.listen(
                resource_subscriptions=[nobody, address]
            ) as subscription:
                (host.folder / "gate").touch()
                text = ""
                while "grown" not in text:
                    event = await anext(subscription)
                    assert isinstance(event, ResourceUpdated)
                    assert address == event.uri
                    (read,) = (await agent.client.read_resource(address)).contents
                    assert isinstance(read, types.TextResourceContents)
                    text = read.text

    go(story)


@pytest.mark.parametrize("era", ERAS)
def test_a_prompt_teaches_to_wait_in_ten_lines(host: Host, era: str) -> None:
    """It names each tool that there is for that."""

    async def story() -> None:
        async with host.agent(era) as agent:
            (prompt,) = (await agent.client.list_prompts()).prompts
            (message,) = (await agent.client.get_prompt(prompt.name)).messages
            assert isinstance(message.content, types.TextContent)
            assert 10 == len(message.content.text.splitlines())
            for tool in ("job_run", "job_wait", "job_list", "job_output", "job_cancel"):
                assert tool in message.content.text
            with pytest.raises(MCPError) as caught:
                await agent.client.get_prompt("other")
            assert types.INVALID_PARAMS == caught.value.error.code

    go(story)
