"""Addresses of the internet and of devices: e-mail, IPv6, MAC, user names.

Every search starts at a sign that must be there ("@", ":") and looks a bounded way around it.
"""

from __future__ import annotations

# ruff: noqa: E501 - a pattern or a list of words is read whole, on its line
import re
from collections.abc import Iterator

from duecare.detect import checks
from duecare.detect.context import word_set, words_after, words_before
from duecare.detect.spans import Span

_LOCAL = 64
"""Signs before the @ of an address at most (RFC 5321, 4.5.3.1.1)."""
_NAME = re.compile(rf"[\w+%'-][\w+%'.-]{{0,{_LOCAL - 1}}}$")
_LABEL = r"[^\W_](?:[\w-]{0,61}[^\W_])?"
_DOMAIN = re.compile(rf"(?:{_LABEL}\.){{1,8}}(?:xn--[\w-]{{2,59}}|[^\W\d_]{{2,63}})(?![^\W_])")
"""Labels, the last of letters: "core@12.0.1" is a version."""
_COLONED = re.compile(r"(?<![\w:.-])[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,8}(?![\w:])")
_MAC = re.compile(r"(?<![\w:.-])[0-9A-Fa-f]{2}([:-])[0-9A-Fa-f]{2}(?:\1[0-9A-Fa-f]{2}){4}(?![\w:-])")
_DOTTED_MAC = re.compile(r"(?<![\w.-])(?:[0-9A-Fa-f]{4}\.){2}[0-9A-Fa-f]{4}(?![\w-]|\.\w)")
_HANDLE = re.compile(r"[A-Za-z_][\w.]{1,30}(?<!\.)")
_NETWORKS = word_set(
    "twitter instagram insta tiktok telegram discord snapchat snap reddit github skype facebook mastodon threads"
)
_HANDLE_WORDS = _NETWORKS | word_set("handle username user follow dm message tag")
_USER = re.compile(
    r"""\b(?:user\ ?name|user\ ?id|login(?:\ name)?|screen\ name|handle|gamer\ ?tag)
    (?:\ (?:is|was)|\s?[:=])\ ?["'“]?@?(?P<it>[A-Za-z0-9][\w.-]{2,40}(?<![.-]))""",
    re.IGNORECASE | re.VERBOSE,
)
_NO_USER = word_set(
    "not no the a an my your his her their wrong incorrect invalid correct required locked blocked disabled expired "
    "still already also being empty missing taken unknown same on in to for of and or name password email "
    "correctly working case sensitive too very screen button failed failing broken down slow impossible admin root "
    "page removed changed deleted suspended hacked compromised reset created given stolen linked used shared rejected "
    "denied accepted verified updated restricted deactivated cancelled canceled"
)  # fmt: skip
_CODE = word_set(
    "media import charset namespace supports layer container keyframes font page viewport counter property tailwind apply include mixin extend use forward screen "
    "staticmethod classmethod abstractmethod dataclass overload override cached_property lru_cache cache wraps contextmanager fixture login_required "
    "Override Deprecated SuppressWarnings FunctionalInterface SafeVarargs Inherited Retention Target Autowired Component Service Controller RestController "
    "Repository Bean Configuration Transactional Qualifier Value Inject Singleton Entity Table Column Id GeneratedValue OneToMany ManyToOne JoinColumn "
    "GetMapping PostMapping PutMapping DeleteMapping RequestMapping RequestBody RequestParam PathVariable ResponseBody SpringBootApplication "
    "Test BeforeEach AfterEach BeforeAll AfterAll ParameterizedTest Mock Nullable NonNull NotNull Getter Setter Builder Data Slf4j "
    "Injectable Input Output NgModule Pipe Directive HostListener ViewChild Composable Preview Published State StateObject ObservedObject Binding "
    "Environment MainActor objc escaping main available discardableResult "
    "param params return returns throws exception see since author version deprecated link type typedef example todo inheritDoc internal readonly yields "
    "user_id username current_user"
)  # fmt: skip
"""What programs write behind an @: rules of CSS, decorators and annotations, tags of comments, variables."""
_MODULES = word_set(
    "pytest functools dataclasses property app api router bp blueprint click contextlib abc typing unittest mock celery task "
    "jax tf torch numba hypothesis given flask django django_db server bot client mcp tool cache staticmethod"
)
"""What stands before the dot of a decorator: "@pytest.mark.slow", "@app.route"."""
_CALLED = re.compile(
    r"\(|/[a-z0-9]|\s{0,9}\{|[ \t\r]{0,9}\n\s{0,24}(?:@\w"
    r"|(?:(?:async|export|public|private|protected|static|final|abstract) ){0,4}"
    r"(?:def|class|void|function|interface|record|enum|fun|func|var|val|let)\b)"
)
"""What follows a decorator, a scope of packages or a rule, and no name of a person: a call, a path, a block, a definition."""


def find_emails(text: str) -> Iterator[Span]:
    """Addresses with an @: at most 64 signs before it, a domain of labels behind it."""
    at = text.find("@")
    while at >= 0:
        domain = _DOMAIN.match(text, at + 1)
        if domain is not None:
            name = _NAME.search(text[max(0, at - _LOCAL) : at])
            start = at - len(name.group()) if name is not None else at
            while start < at and text[start] in "'%.-+":
                start += 1
            if name is not None and start < at and text[at - 1] != "." and ".." not in text[start:at]:
                yield Span(start, domain.end(), "EMAIL")
                at = text.find("@", at + 1)
                continue
        if (handle := _handle(text, at)) is not None:
            yield handle
        at = text.find("@", at + 1)


def _handle(text: str, at: int) -> Span | None:
    """A user name that the @ at `at` begins, where one of the six words before speaks of such names, or a
    network is named behind it."""
    handle = _HANDLE.match(text, at + 1)
    if handle is None or text[at - 1 : at].isalnum() or _is_code(text, handle):
        return None
    near = not _HANDLE_WORDS.isdisjoint(words_before(text, at)[-6:])
    behind = words_after(text, handle.end(), 2)
    near = near or (behind[:1] in (["on"], ["in"], ["via"]) and behind[-1] in _NETWORKS)
    return Span(at, handle.end(), "USER_NAME", 0.8) if near else None


def _is_code(text: str, handle: re.Match[str]) -> bool:
    """Whether what begins with an @ is a word of a programming language."""
    name = handle.group()
    first, dot, _ = name.partition(".")
    if name in _CODE or (dot and first in _MODULES):
        return True
    return _CALLED.match(text, handle.end(), handle.end() + _LOCAL) is not None


def find_hexadecimal(text: str) -> Iterator[Span]:
    """IPv6 addresses that single out a connection, and MAC addresses of devices (with colons or dashes)."""
    for match in _COLONED.finditer(text):
        shown = match.group()
        if shown.count(":") > 2 and checks.ip_address(shown):
            yield Span(*match.span(), "IP")
    for match in _MAC.finditer(text):
        if checks.mac_address(match.group()):
            yield Span(*match.span(), "MAC")
    for match in _DOTTED_MAC.finditer(text):
        if not match.group().replace(".", "").isdigit() and checks.mac_address(match.group()):
            yield Span(*match.span(), "MAC")


def find_user_names(text: str) -> Iterator[Span]:
    """What a text calls somebody's user name."""
    for match in _USER.finditer(text):
        if match.group("it").lower() not in _NO_USER:
            yield Span(*match.span("it"), "USER_NAME", 0.8)
