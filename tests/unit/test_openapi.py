"""What the OpenAPI document says of errors is what they are."""

import pytest

from openyard_platform.settings import Settings
from openyard_platform.web import openapi
from openyard_platform.web.app import create_app


@pytest.fixture(scope="module")
def told():
    nowhere = Settings(database_url="", nats_url="", redis_url="", secret_key="")
    return openapi.document(create_app(nowhere).openapi_schema.to_schema())


def operations(told):
    return [each for methods in told["paths"].values() for each in methods.values()]


def test_every_operation_says_that_its_errors_are_problems(told):
    for operation in operations(told):
        content = operation["responses"]["default"]["content"]
        reference = content["application/problem+json"]["schema"]["$ref"]
        assert reference.rpartition("/")[2] in told["components"]["schemas"]


def test_no_operation_promises_an_error_that_never_comes(told):
    assert [each["operationId"] for each in operations(told) if "400" in each["responses"]] == []


def test_reserving_says_what_becomes_of_it(told):
    answers = told["paths"]["/api/v1/reservations"]["post"]["responses"]
    assert {"201", "202", "409", "422", "503"} <= set(answers)
