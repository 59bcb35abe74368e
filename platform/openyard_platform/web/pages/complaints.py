"""What pages say when something is wrong: by the code of the error, never its English message."""

from collections.abc import Mapping
from typing import Any

from openyard_platform.domain.errors import OpenyardError

# What an error page says: a heading, and what to do now.
ERRORS = {
    "log_in_needed": ("请先登录", "登录后就能继续。"),
    "not_allowed": ("您的账号不能做这件事", "可能需要另一种账号。如有疑问，请联系所在单位。"),
    "foreign_origin": ("请求来自别的网站", "为了您的账号安全，请回到本站页面再操作。"),
    "not_found": ("没有找到这个页面", "它可能已被撤下，或地址有误。"),
    "method_not_allowed": ("不能这样打开这个地址", "请回到首页重新开始。"),
    "mail_missing": ("这里还不能发邮件邀请", "平台没有接通邮件。请用订阅，把预约放进手机日历。"),
    "conflict": ("现在做不到", "情况可能刚刚有变，请刷新后再看看。"),
    "stale": ("内容刚刚被改过", "请刷新后再试。"),
    "offer_link_unknown": (
        "这个链接已经失效",
        "它可能不完整，或这一场已经结束。请从邮件里重新点开，或登录后在“我的预约”里查看。",
    ),
    "invalid": ("填写的内容有误", "请返回检查后再提交。"),
    "too_large": ("提交的内容太大", "请缩短后再提交。"),
    "too_many": ("操作太频繁", "请稍等片刻再试。"),
    "unavailable": ("服务暂时繁忙", "没有占用名额。请等几秒钟再试一次。"),
    "internal_error": ("出了点问题", "我们已记录下来。请稍后再试。"),
}

# The status of an error without a code of its own, as one of the codes above.
BY_STATUS = {
    400: "invalid",
    401: "log_in_needed",
    403: "not_allowed",
    404: "not_found",
    405: "method_not_allowed",
    409: "conflict",
    413: "too_large",
    422: "invalid",
    429: "too_many",
    503: "unavailable",
}

# Beside a form that can be mended at once. Names in braces are the error's own parameters.
_BESIDE_A_FORM = {
    "log_in_failed": "邮箱或密码不对，请再试一次。",
    "email_malformed": "这不像一个邮箱地址，请检查一下。",
    "email_taken": "这个邮箱已经注册过，请直接登录。",
    "code_wrong": "验证码不对或已过期。请检查，或重新获取。",
    "password_too_short": "密码至少要 {min} 个字符。",
    "password_too_long": "密码最多 {max} 个字符。",
    "password_too_common": "这个密码太容易被猜到，请换一个。",
    "mail_unavailable": "邮件暂时发不出去，请过几分钟再试。",
    "too_many": "试得太频繁了，请稍等几分钟再试。",
    "unavailable": "现在人很多，请等几秒钟再试一次。",
    "birth_year_out_of_range": "请选择正确的出生年份。",
    "too_many_children": "一个家庭最多登记 {max} 个孩子。",
    "child_unknown": "没有找到这个孩子。",
    "already_guardian": "这是您自己家的邮箱，不用委托。",
    "already_delegated": "这个邮箱已经可以带 TA 来了。",
    "too_many_delegations": "一个孩子最多委托 {max} 个人，请先收回不用的。",
    "ends_in_the_past": "最早到今天为止，请改一下日期。",
    "relation_missing": "请选择对方是孩子的什么人。",
    "date_malformed": "日期不对，请检查一下。",
    "consent_missing": "需要监护人同意，才能登记孩子。",
    "name_missing": "请填写称呼。",
    "name_too_long": "称呼太长了，请缩短一些。",
    "role_missing": "请选择您的身份。",
}


def heading(code: str, status: int) -> tuple[str, str]:
    """The heading of an error page, and what to do now."""
    return ERRORS.get(code) or ERRORS[BY_STATUS.get(status, "internal_error")]


def beside_form(error: OpenyardError) -> str:
    """One sentence to stand above or beside the form that was sent."""
    return of_code(error.code, error.parameters)


def of_code(code: str, parameters: Mapping[str, Any] | None = None) -> str:
    pattern = _BESIDE_A_FORM.get(code)
    if pattern is None:
        return "没有成功，请检查后再试。"
    try:
        return pattern.format_map(parameters or {})
    except KeyError:
        return "没有成功，请检查后再试。"
