"""The MCP server: answers every request from the catalog, in both protocol eras."""

from collections.abc import Callable
from typing import Any, Final

from mcp.server.caching import CacheableMethod, CacheHint
from mcp.server.context import CallNext, HandlerResult
from mcp.server.lowlevel import NotificationOptions, Server
from mcp.server.models import InitializationOptions
from mcp.server.subscriptions import InMemorySubscriptionBus, ListenHandler
from mcp.shared.exceptions import MCPError
from mcp_types import (
    INVALID_PARAMS,
    CallToolRequestParams,
    CallToolResult,
    GetPromptRequestParams,
    GetPromptResult,
    ListPromptsResult,
    ListResourcesResult,
    ListResourceTemplatesResult,
    ListToolsResult,
    NotificationParams,
    PaginatedRequestParams,
    ReadResourceRequestParams,
    ReadResourceResult,
)

from api.item import ContextType
from controllers.server.catalog import Catalog
from controllers.server.handshake_clients import Context, HandshakeClients
from controllers.server.tool_handlers import failure
from core.values.placeholders import fill

NAME: Final = "mcp-federation"
TTL_MILLISECONDS: Final = 100
"""How old a list may be for a client that does not listen; short, because freshness is what we are for."""
_CACHED: Final[tuple[CacheableMethod, ...]] = (
    "tools/list",
    "prompts/list",
    "resources/list",
    "resources/templates/list",
    "resources/read",
)


class _AnnouncingServer(Server[dict[str, Any]]):
    """Declares to clients of the handshake era, too, that lists change: by the SDK's default they never do there."""

    def create_initialization_options(
        self,
        notification_options: NotificationOptions | None = None,
        experimental_capabilities: dict[str, dict[str, Any]] | None = None,
        extensions: dict[str, dict[str, Any]] | None = None,
    ) -> InitializationOptions:
        every = NotificationOptions(prompts_changed=True, resources_changed=True, tools_changed=True)
        return super().create_initialization_options(
            notification_options or every, experimental_capabilities, extensions
        )


class _Answers:
    """Handlers of the requests for items."""

    def __init__(self, catalog: Callable[[], Catalog]) -> None:
        self._catalog = catalog

    async def lists(self, ctx: Context, call_next: CallNext) -> HandlerResult:
        """Middleware: puts the definitions into the lists, which our handlers leave empty.

        The SDK's models drop fields that they do not know, and would check each definition at each request; ours were
        checked when they were read, for both eras, and go out as they are.
        """
        answer = await call_next(ctx)
        catalog = self._catalog()
        match ctx.method:
            case "tools/list":
                kind, key, members = ContextType.TOOLS, "tools", catalog.tools
            case "prompts/list":
                kind, key, members = ContextType.PROMPTS, "prompts", catalog.prompts
            case "resources/list":
                kind, key, members = ContextType.RESOURCES, "resources", catalog.resources
            case "resources/templates/list":
                kind, key, members = ContextType.RESOURCES, "resourceTemplates", catalog.templates
            case _:
                return answer
        assert isinstance(answer, dict)
        definitions = [member.definition for member in members.values()]
        return {**answer, key: definitions, "_meta": {**answer.get("_meta", {}), **catalog.meta[kind]}}

    async def list_tools(self, _: Context, __: PaginatedRequestParams | None) -> ListToolsResult:
        return ListToolsResult(tools=[])

    async def list_prompts(self, _: Context, __: PaginatedRequestParams | None) -> ListPromptsResult:
        return ListPromptsResult(prompts=[])

    async def list_resources(self, _: Context, __: PaginatedRequestParams | None) -> ListResourcesResult:
        return ListResourcesResult(resources=[])

    async def list_templates(self, _: Context, __: PaginatedRequestParams | None) -> ListResourceTemplatesResult:
        return ListResourceTemplatesResult(resource_templates=[])

    async def call_tool(self, _: Context, params: CallToolRequestParams) -> CallToolResult:
        catalog = self._catalog()
        tool = catalog.tools.get(params.name)
        if tool is None:
            raise MCPError(INVALID_PARAMS, f"Unknown tool: {params.name}")
        arguments = params.arguments or {}
        refused = tool.refusal(arguments)
        result = failure(f"Invalid arguments: {refused}") if refused is not None else await tool.handler(arguments)
        meta = {**result.get("_meta", {}), **catalog.meta[ContextType.TOOLS]}
        return CallToolResult.model_validate({**result, "_meta": meta})

    async def get_prompt(self, _: Context, params: GetPromptRequestParams) -> GetPromptResult:
        catalog = self._catalog()
        prompt = catalog.prompts.get(params.name)
        if prompt is None:
            raise MCPError(INVALID_PARAMS, f"Unknown prompt: {params.name}")
        given = params.arguments or {}
        missing = [name for name, required in prompt.arguments.items() if required and name not in given]
        if missing:
            raise MCPError(INVALID_PARAMS, f"Missing arguments of prompt {params.name}: {', '.join(missing)}")
        answer: dict[str, Any] = {
            "messages": fill(prompt.messages, {**dict.fromkeys(prompt.arguments, ""), **given}),
            "_meta": catalog.meta[ContextType.PROMPTS],
        }
        if "description" in prompt.definition:
            answer["description"] = prompt.definition["description"]
        return GetPromptResult.model_validate(answer)

    async def read_resource(self, _: Context, params: ReadResourceRequestParams) -> ReadResourceResult:
        catalog = self._catalog()
        uri = str(params.uri)
        contents = _contents(catalog, uri)
        if contents is None:
            raise MCPError(INVALID_PARAMS, "Resource not found", data={"uri": uri})
        meta = catalog.meta[ContextType.RESOURCES]
        return ReadResourceResult.model_validate({"contents": [{"uri": uri, **contents}], "_meta": meta})


def _contents(catalog: Catalog, uri: str) -> dict[str, Any] | None:
    """Content of an MCP resource, or what the first template makes of its URI."""
    if (resource := catalog.resources.get(uri)) is not None:
        return resource.contents
    for template in catalog.templates.values():
        matched = template.uri.match(uri)
        if matched is not None and template.contents is not None:
            values = {name: value if isinstance(value, str) else ",".join(value) for name, value in matched.items()}
            text = {key: fill(value, values) for key, value in template.contents.items() if key == "text"}
            return {**template.contents, **text}
    return None


def server_of(
    catalog: Callable[[], Catalog], bus: InMemorySubscriptionBus, listen: ListenHandler, version: str
) -> Server[dict[str, Any]]:
    """The protocol's server.

    Args:
        catalog: gives what is served now.
        bus: carries what clients are to be notified of.
        listen: serves the streams of clients since 2026-07-28.
        version: of this program.
    """
    answers, clients = _Answers(catalog), HandshakeClients(bus)
    server = _AnnouncingServer(
        NAME,
        version=version,
        on_list_tools=answers.list_tools,
        on_call_tool=answers.call_tool,
        on_list_prompts=answers.list_prompts,
        on_get_prompt=answers.get_prompt,
        on_list_resources=answers.list_resources,
        on_list_resource_templates=answers.list_templates,
        on_read_resource=answers.read_resource,
        on_subscribe_resource=clients.subscribe,
        on_unsubscribe_resource=clients.unsubscribe,
        on_subscriptions_listen=listen,
        get_tool_input_schema=lambda name: (tool := catalog().tools.get(name)) and tool.definition["inputSchema"],
        cache_hints={method: CacheHint(ttl_ms=TTL_MILLISECONDS, scope="public") for method in _CACHED},
    )
    server.add_notification_handler("notifications/initialized", NotificationParams, clients.serve)
    server.middleware.append(answers.lists)
    return server
