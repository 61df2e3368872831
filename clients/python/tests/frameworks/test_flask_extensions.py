"""Flask-Security and Flask-JWT-Extended through rotations. With Flask 3.1 only."""

import pytest

pytest.importorskip("flask_security", reason="Flask-Security is tested with Flask 3.1")

from flask import Flask
from flask_jwt_extended import JWTManager, create_access_token, get_jwt_identity, jwt_required
from flask_security import Security, SQLAlchemyUserDatastore, auth_required, current_user, hash_password
from flask_security.models import fsqla_v3 as models
from flask_sqlalchemy import SQLAlchemy
from itsdangerous import BadSignature
from jwt import encode, get_unverified_header
from keyturn import NoKeys
from keyturn.flask import Keyturn


def secured(keyring):
    app = Flask(__name__)
    app.config.update(
        TESTING=True,
        SQLALCHEMY_DATABASE_URI="sqlite://",
        SECURITY_PASSWORD_SALT="146585145368132386173505678016728509634",
        SECURITY_PASSWORD_HASH="plaintext",
        SECURITY_PASSWORD_SCHEMES=["plaintext"],
        SECURITY_PASSWORD_SINGLE_HASH=["plaintext"],
        SECURITY_TOKEN_AUTHENTICATION_HEADER="Authentication-Token",
        WTF_CSRF_ENABLED=False,
    )
    Keyturn(app, client=keyring.client)
    db = SQLAlchemy(app)
    models.FsModels.set_db_info(db)

    class Role(db.Model, models.FsRoleMixin):
        pass

    class User(db.Model, models.FsUserMixin):
        pass

    store = SQLAlchemyUserDatastore(db, User, Role)
    security = Security(app, store)
    with app.app_context():
        db.create_all()
        store.create_user(email="ann@example.com", password=hash_password("correct horse"))
        db.session.commit()
    return app, security


class TestFlaskSecurity:
    def test_its_serializers_sign_with_current_never_with_next_and_verify_with_all(self, keyring, key):
        app, security = secured(keyring)
        old = security.reset_serializer.dumps("ann")
        keyring.turn(current=2, previous=[1], following=3)
        app.test_client().get("/login")
        serializers = [value for name, value in vars(security).items() if name.endswith("_serializer")]
        assert len(serializers) >= 8
        assert all(serializer.secret_keys[-1] == key(2).encode() for serializer in serializers)
        assert security.reset_serializer.loads(old) == "ann"
        keyring.turn(current=2)
        with pytest.raises(BadSignature):
            security.reset_serializer.loads(old)

    def test_a_login_survives_a_rotation_and_not_an_emergency(self, keyring):
        app, _ = secured(keyring)

        @app.get("/me")
        @auth_required("session")
        def me():
            return current_user.email

        browser = app.test_client()
        assert browser.get("/me", headers={"Accept": "application/json"}).status_code == 401
        assert browser.post("/login", json={"email": "ann@example.com", "password": "correct horse", "remember": True}).status_code == 200
        keyring.turn(current=2, previous=[1], following=3)
        browser.delete_cookie("session")
        answer = browser.get("/me")
        assert answer.text == "ann@example.com"
        assert any("remember_token=" in value for header, value in answer.headers if header == "Set-Cookie")
        keyring.turn(current=4)
        assert browser.get("/me", headers={"Accept": "application/json"}).status_code == 401

    def test_without_keys_it_signs_nothing(self, keyring):
        app, security = secured(keyring)
        keyring.lose()
        with pytest.raises(NoKeys):
            keyring.client.snapshot()
        with pytest.raises(NoKeys):
            security.reset_serializer.dumps("ann")


def with_jwt(keyring):
    app = Flask(__name__)
    app.config.update(TESTING=True)
    turning = Keyturn(app, client=keyring.client)
    turning.use_jwt(JWTManager(app))

    @app.get("/token")
    def token():
        return create_access_token(identity="ann")

    @app.get("/me")
    @jwt_required()
    def me():
        return get_jwt_identity()

    def ask(token):
        return app.test_client().get("/me", headers={"Authorization": f"Bearer {token}"})

    return app, ask


class TestFlaskJwtExtended:
    def test_a_token_names_its_key_and_survives_a_rotation(self, keyring):
        app, ask = with_jwt(keyring)
        old = app.test_client().get("/token").text
        assert get_unverified_header(old)["kid"] == "1"
        keyring.turn(current=2, previous=[1], following=3)
        assert ask(old).text == "ann"
        assert get_unverified_header(app.test_client().get("/token").text)["kid"] == "2"
        keyring.turn(current=2)
        assert ask(old).status_code == 422

    def test_outside_of_requests_header_and_key_are_of_one_snapshot(self, keyring):
        app, ask = with_jwt(keyring)
        with app.app_context():
            assert ask(create_access_token(identity="ann")).text == "ann"

    def test_a_token_from_before_keyturn_is_verified_by_the_oldest_key(self, keyring, key):
        app, ask = with_jwt(keyring)
        with app.app_context():
            claims = {"sub": "ann", "type": "access", "fresh": False, "jti": "1", "iat": 1_700_000_000, "exp": 4_000_000_000}
        keyring.turn(current=2, previous=[1])
        assert ask(encode(claims, key(1), "HS256")).text == "ann"
        assert ask(encode(claims, key(2), "HS256")).status_code == 422

    @pytest.mark.parametrize("kid", ["9", "", "1 ", 1, None, ["1"], "__proto__"])
    def test_a_token_of_an_unknown_or_odd_key_is_refused(self, keyring, key, kid):
        _, ask = with_jwt(keyring)
        claims = {"sub": "ann", "type": "access", "fresh": False, "jti": "1", "iat": 1_700_000_000, "exp": 4_000_000_000}
        headers = {"kid": kid} if isinstance(kid, str) else None
        assert ask(encode(claims, key(9), "HS256", headers=headers)).status_code == 422
        if headers:
            assert ask(encode(claims, key(1), "HS256", headers=headers)).status_code == 422, "The right key under a wrong name."
