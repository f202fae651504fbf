"""Names and titles, all plainly invented: every one carries a word that says so."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tidegauge.twin.world import CATEGORIES

Ints = npt.NDArray[np.int64]

_FIRST = "栗橙柚桃梨杏莓榛枣柠青白蓝紫金银云星月风雪雨霜潮汐海川溪湖岛山岭林竹松柏荷菊兰梅"
_ANIMALS = (
    "小鹿",
    "白鹭",
    "橘猫",
    "水獭",
    "企鹅",
    "松鼠",
    "海豹",
    "刺猬",
    "燕子",
    "熊猫",
    "鲸鱼",
    "山羊",
    "麻雀",
    "蜗牛",
)
_JOBS = ("同学", "老师", "姐姐", "师傅", "先生", "掌柜", "队长", "学长", "大叔", "记者", "工程师", "研究员")
_PLACE = "拟潮汐澜汀浦屿溪泽湾洲渡岸港礁帆锚舟灯塔堤坝洋渚沙"
_PLACE_END = ("市", "县", "镇", "岛", "湾区", "新城")
_WHO = (
    "大学生", "出租车司机", "退休教师", "咖啡店主", "消防员", "程序员", "快递小哥", "博物馆", "动物园",
    "地铁站", "图书馆", "面馆", "果农", "渔民", "护士", "摄影师", "马拉松选手", "合唱团", "机器人",
    "无人机", "新能源车", "老字号", "电影院", "滑雪场", "夜市", "养老院", "足球队", "篮球队", "乐队",
    "花店", "书店", "列车员", "飞行员", "木匠", "茶农", "舞狮队",
)  # fmt: skip
_WHAT = (
    "推出限定新品", "宣布免费开放", "迎来首个百岁生日", "连夜修好旧桥", "刷新世界纪录", "把门票改成诗", "用方言播天气",
    "集体学手语", "救下一只白鹭", "设计会唱歌的灯", "三天走红", "办起露天集市", "回应排队太久", "发布春季计划",
    "种出蓝色草莓", "重开三十年老店", "邀请邻居试吃", "改造废弃仓库", "拍下罕见月虹", "举办纸船比赛", "给流浪猫上户口",
    "公布年度账单", "尝试四天工作制", "上线旧物交换", "挑战千人合影", "为晚归者留灯", "写信给十年后", "试飞纸飞机",
    "找回丢失的琴", "复原古代菜谱", "教游客划船", "把雪人搬进馆", "登上热榜", "提醒带伞", "致歉并退款",
    "延长营业到凌晨",
)  # fmt: skip
_HOW = (
    "",
    "，网友点赞",
    "，现场画面公开",
    "，官方回应",
    "，背后的故事",
    "，多图直击",
    "，引发讨论",
    "，一夜之间",
    "，仅此一天",
)
_ANGLE = (
    "三步学会",
    "一周体验",
    "避坑清单",
    "预算内怎么选",
    "从零开始",
    "实测对比",
    "新手必看",
    "一分钟看懂",
    "日常记录",
    "合集",
)
#: What tells a role, in names and in titles; invented, and each is now and then heard from other roles, too.
_ROLE_TAIL = {"KOE": ("工程师", "研发员", "产品经理"), "KOS": ("导购", "门店顾问", "店长")}
_ROLE_PHRASE = {
    "KOL": ("深度解析", "横向评测"),
    "KOC": ("自用分享", "真实体验", "回购清单"),
    "KOS": ("下单领券", "到店试用", "限时优惠"),
    "KOE": ("研发幕后", "我们实验室的一天", "同事怎么看"),
    "KOB": ("新品发布", "官方公告", "品牌活动"),
}
_EMOTION = ("破防了", "太治愈", "泪目", "笑疯", "燃起来了", "气死我了", "感动哭", "惊呆了")


def nicknames(index: Ints, category: Ints, role: npt.NDArray[np.str_]) -> list[str]:
    """A nickname per account, unique through its number, e.g. 仿真栗小鹿美妆0012 (仿真: simulated).

    Nine in ten of the brands' own accounts call themselves official; a little over half of the employees and sellers
    name their job.
    """
    out = []
    for i, c, r in zip(index.tolist(), category.tolist(), role.tolist(), strict=True):
        zh = CATEGORIES[c][1]
        if r in _ROLE_TAIL and i * 7919 % 100 < 55:
            tail = _ROLE_TAIL[r][i % len(_ROLE_TAIL[r])]
            out.append(f"仿真{_FIRST[(i * 11) % len(_FIRST)]}{tail}{zh}{i:04d}")
        elif r == "KOB" and i * 7919 % 100 < 90:
            out.append(f"仿真{_FIRST[i % len(_FIRST)]}{_FIRST[(i * 7 + 3) % len(_FIRST)]}{zh}官方{i:04d}")
        else:
            tail = _ANIMALS[(i * 5 + 1) % len(_ANIMALS)] if i % 2 else _JOBS[(i * 5 + 1) % len(_JOBS)]
            out.append(f"仿真{_FIRST[(i * 11) % len(_FIRST)]}{tail}{zh}{i:04d}")
    return out


def post_titles(work: Ints, category: Ints, emotional: npt.NDArray[np.bool_], role: npt.NDArray[np.str_]) -> list[str]:
    """A title per post, the same for the same work; emotional ones end in an emotional phrase.

    `role` is the role in which the work speaks (see `Ecosystem.work_roles`): a quarter of the titles carry one of its
    phrases, and one in twenty a phrase of some other role.
    """
    roles = tuple(_ROLE_PHRASE)
    out = []
    for w, c, e, r in zip(work.tolist(), category.tolist(), emotional.tolist(), role.tolist(), strict=True):
        chance = w * 7919 % 100
        spoken = r if chance < 25 else roles[w // 100 % len(roles)] if chance < 30 else ""
        said = f"｜{_ROLE_PHRASE[spoken][w % len(_ROLE_PHRASE[spoken])]}" if spoken else ""
        feeling = f" {_EMOTION[w % len(_EMOTION)]}！" if e else ""
        out.append(f"【仿真】{CATEGORIES[c][1]}{_ANGLE[(w * 7 + w // 10) % len(_ANGLE)]}·第{w}期{said}{feeling}")
    return out


def topic_titles(rng: np.random.Generator, count: int) -> list[str]:
    """Distinct headlines about invented places, composed so that two topics share few characters by chance."""
    seen: set[str] = set()
    out: list[str] = []
    while len(out) < count:
        need = count - len(out)
        a, b = rng.integers(0, len(_PLACE), need), rng.integers(0, len(_PLACE), need)
        end, who = rng.integers(0, len(_PLACE_END), need), rng.integers(0, len(_WHO), need)
        what, how = rng.integers(0, len(_WHAT), need), rng.integers(0, len(_HOW), need)
        for i in range(need):
            place = f"{_PLACE[a[i]]}{_PLACE[b[i]]}{_PLACE_END[end[i]]}"
            head = f"{place}{_WHO[who[i]]}{_WHAT[what[i]]}"
            if head not in seen:
                seen.add(head)
                out.append(head + _HOW[how[i]])
    return out


def reworded(title: str, kind: int) -> str:
    """The same headline as another platform words it: 0 as it is, 1 to 3 other punctuation or a small addition."""
    if kind == 1:
        return f"#{title.replace('，', ' ')}#"
    if kind == 2:
        return f"{title.replace('，', '：')}！"
    if kind == 3:
        return f"最新｜{title}"
    return title
