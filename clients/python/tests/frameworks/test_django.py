"""Django's signing, sessions, logins and password-reset links through rotations."""

import pytest

pytest.importorskip("django", reason="Django is tested with Flask 3.1")

import keyturn.django.live as live
from django.conf import settings
from keyturn import NoKeys


@pytest.fixture
def turning(keyring):
    live._client = keyring.client.start()
    keyring.client.listen(live._on_change)
    if not settings.configured:
        configure(*live.keys("web"))
    live.follow(settings, keyring.client.snapshot())
    yield keyring
    live._client = None


def configure(key, fallbacks):
    settings.configure(
        SECRET_KEY=key,
        SECRET_KEY_FALLBACKS=fallbacks,
        ALLOWED_HOSTS=["*"],
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
        INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions"],
        MIDDLEWARE=[
            "keyturn.django.KeyringMiddleware",
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
        ],
        SESSION_ENGINE="django.contrib.sessions.backends.signed_cookies",
        PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
        ROOT_URLCONF=__name__,
        USE_TZ=True,
    )
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)


def put(request):
    from django.http import HttpResponse

    request.session["u"] = 1
    return HttpResponse("ok")


def get(request):
    from django.http import HttpResponse

    return HttpResponse(str(request.session.get("u")))


def me(request):
    from django.http import HttpResponse

    return HttpResponse(request.user.get_username() or "nobody")


def patterns():
    from django.urls import path

    return [path("put", put), path("get", get), path("me", me)]


class LazyPatterns(list):
    def __iter__(self):
        return iter(patterns())

    def __reversed__(self):
        return reversed(patterns())


urlpatterns = LazyPatterns()


def user():
    from django.contrib.auth.models import User

    found, _ = User.objects.get_or_create(username="ann", defaults={"email": "ann@example.com"})
    found.set_password("correct horse")
    found.save()
    return found


def test_signatures_are_by_current_and_verified_by_all(turning, key):
    from django.core import signing

    old = signing.dumps("hello")
    turning.turn(current=2, previous=[1], following=3)
    assert signing.loads(old) == "hello"
    assert settings.SECRET_KEY == key(2)
    assert settings.SECRET_KEY_FALLBACKS == [key(2), key(3), key(1)]
    assert signing.loads(signing.dumps("by next", key=key(3))) == "by next"
    turning.turn(current=2)
    with pytest.raises(signing.BadSignature):
        signing.loads(old)


def test_sessions_and_logins_survive_a_rotation_and_end_with_an_emergency(turning):
    from django.test import Client

    browser = Client()
    browser.force_login(user())
    browser.get("/put")
    turning.turn(current=2, previous=[1], following=3)
    assert browser.get("/get").content == b"1"
    assert browser.get("/me").content == b"ann"
    turning.turn(current=2)
    assert browser.get("/me").content == b"ann", "The login was signed anew with the current key."
    turning.turn(current=4)
    assert browser.get("/me").content == b"nobody"
    assert browser.get("/get").content == b"None"


def test_a_password_reset_link_survives_a_rotation(turning):
    from django.contrib.auth.tokens import default_token_generator

    ann = user()
    link = default_token_generator.make_token(ann)
    turning.turn(current=2, previous=[1])
    assert default_token_generator.check_token(ann, link)
    turning.turn(current=3)
    assert not default_token_generator.check_token(ann, link)


def test_a_reader_that_puts_the_old_value_back_is_put_right(turning, key):
    old = settings.SECRET_KEY
    turning.turn(current=2, previous=[1])
    settings.__dict__["SECRET_KEY"] = old  # What a reader in the middle of reading does: Django caches for good.
    assert settings.SECRET_KEY == old
    live.follow(settings, turning.client.snapshot())
    assert settings.SECRET_KEY == key(2)


def test_a_reader_that_puts_the_old_value_back_during_the_write_is_put_right_at_once(turning, key):
    old, interruptions = settings.SECRET_KEY, [1]
    real = type(settings).__setattr__

    def interrupted(self, name, value):
        real(self, name, value)
        if name == "SECRET_KEY" and interruptions:
            interruptions.pop()
            self.__dict__["SECRET_KEY"] = old

    type(settings).__setattr__ = interrupted
    try:
        turning.turn(current=2, previous=[1])
    finally:
        type(settings).__setattr__ = real
    assert not interruptions
    assert settings.SECRET_KEY == key(2)


def test_between_the_writes_every_key_verifies(turning, key):
    turning.turn(current=1, following=2)
    seen = []
    real = type(settings).__setattr__

    def watched(self, name, value):
        real(self, name, value)
        seen.append({settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS})

    type(settings).__setattr__ = watched
    try:
        turning.turn(current=2, previous=[1], following=3)
    finally:
        type(settings).__setattr__ = real
    assert len(seen) == 2
    assert all({key(1), key(2)} <= keys for keys in seen)


def test_without_keys_every_request_is_a_503_and_nothing_can_be_signed_or_verified(turning):
    from django.contrib.auth.tokens import default_token_generator
    from django.core import signing
    from django.test import Client
    from django.views.debug import get_default_exception_reporter_filter

    old, ann = signing.dumps("hello"), user()
    turning.lose()
    answer = Client().get("/get")
    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    for use in (
        lambda: signing.dumps("hello"),
        lambda: signing.loads(old),
        lambda: signing.get_cookie_signer().sign("hello"),
        lambda: default_token_generator.make_token(ann),
        lambda: ann.get_session_auth_hash(),
        lambda: settings.SECRET_KEY.encode(),
        lambda: f"{settings.SECRET_KEY}",
    ):
        with pytest.raises(NoKeys):
            use()
    hidden = get_default_exception_reporter_filter().get_safe_settings()["SECRET_KEY"]
    assert set(hidden) == {"*"}, "Django's error pages read every setting and must go on."
    assert repr(settings.SECRET_KEY) == "[no key]"
    turning.find()
    assert Client().get("/get").status_code == 200
    assert signing.loads(old) == "hello"
