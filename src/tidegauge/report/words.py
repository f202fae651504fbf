"""The interface's words in zh and en: one catalogue, so that no renderer holds a text of its own."""

from __future__ import annotations

from tidegauge.result import Text
from tidegauge.vocab import LABELS, Lang, Role, label

#: The languages of every text.
LANGUAGES: tuple[Lang, ...] = ("zh", "en")
_ROLES = frozenset(r.value for r in Role)

WORDS: dict[str, Text] = {
    "product": Text("验潮 Tidegauge", "Tidegauge 验潮"),
    "plan_report": Text("达人投放方案", "Creator plan"),
    "workspace_report": Text("生态报告", "Ecosystem report"),
    "yes": Text("是", "yes"),
    "no": Text("否", "no"),
    "contents": Text("目录", "Contents"),
    "skip": Text("跳到正文", "Skip to the content"),
    "print": Text("打印", "Print"),
    "language": Text("语言", "Language"),
    "method": Text("方法与来源", "Method and source"),
    "filter_hint": Text("输入昵称、平台、理由……", "Type a name, a platform, a reason …"),
    "all": Text("全部", "all"),
    "shown_of": Text("显示 {n} / {all} 行", "{n} of {all} rows"),
    "total": Text("合计", "Total"),
    "low": Text("下限", "low"),
    "high": Text("上限", "high"),
    "newest_only": Text(
        "每个指标只列最新一期；全部 {n} 行：--format csv 或 --json",
        "Each figure at its last date; all {n} rows: --format csv or --json",
    ),
    "with_intervals": Text("，带区间", ", with intervals"),
    "formula": Text("公式", "Formula"),
    "assumptions": Text("假设", "Assumptions"),
    "limits": Text("局限", "Limits"),
    "reference": Text("文献", "Reference"),
    "more_lines": Text("另有 {n} 条，见网页", "{n} more on the page"),
    "more_rows": Text("另有 {n} 行，见工作簿", "{n} more rows in the workbook"),
    "assumed": Text("假设", "assumed"),
    "page_of": Text("第 &P 页，共 &N 页", "Page &P of &N"),
    "slide_source": Text("来源", "Source"),
    "snapshot": Text("快照", "Snapshot"),
    "ingests": Text("导入", "Ingests"),
    "engine": Text("引擎", "Engine"),
    "level": Text("区间水平", "interval level"),
    "workspace": Text("工作区", "Workspace"),
    "figure": Text("指标", "Figure"),
    "value": Text("数值", "Value"),
    "detail": Text("说明", "Detail"),
    "exact": Text("精确值", "Exact"),
    "chart_sheet": Text("图表数据", "Chart data"),
    "kept_file": Text("本文件离线可用，不访问网络。", "This file works offline and makes no request."),
    "none": Text("无", "none"),
}

#: Names of columns that measures and ledgers use.
COLUMNS: dict[str, Text] = {
    "platform": Text("平台", "Platform"),
    "tier": Text("层级", "Tier"),
    "category": Text("类目", "Category"),
    "role": Text("角色", "Role"),
    "format": Text("形式", "Format"),
    "stage": Text("阶段", "Stage"),
    "period": Text("时期", "Period"),
    "quantity": Text("指标", "Quantity"),
    "segment": Text("分段", "Segment"),
    "region": Text("地区", "Region"),
    "mcn": Text("机构", "MCN"),
    "brand": Text("品牌", "Brand"),
    "language": Text("语言", "Language"),
    "topic": Text("话题", "Topic"),
    "creator_id": Text("达人 ID", "Creator ID"),
    "name": Text("昵称", "Name"),
    "displacement": Text("位移", "Displacement"),
    "tiers": Text("层级流动", "Tier migration"),
    "flow": Text("话题流动", "Topic flow"),
    "inequality": Text("集中与不平等", "Inequality"),
    "accounts": Text("账号数", "accounts"),
    "account_share": Text("账号占比", "share of accounts"),
    "follower_share": Text("粉丝占比", "share of followers"),
    "exit_share": Text("退出比例", "share that exits"),
    "migration": Text("迁移概率", "migration probability"),
    "migration_naive": Text("迁移概率（只按首末）", "migration probability (ends only)"),
    "forecast": Text("预测", "forecast"),
    "jsd": Text("组合差异 JSD", "difference of mixes (JSD)"),
    "trend": Text("趋势", "trend"),
    "trend_p": Text("趋势检验 p 值", "p-value of the trend"),
    "dispersion": Text("离散度", "dispersion"),
    "shared_share": Text("共同话题占比", "share of topics in common"),
    "shared_share_raw": Text("共同话题占比（未校正）", "share in common (uncorrected)"),
    "chance_share": Text("偶然重合占比", "share expected by chance"),
    "first_share": Text("先出现的占比", "share of firsts"),
    "undecided_share": Text("先后不明的占比", "share undecided"),
    "lag_h_q10": Text("领先小时（一成分位）", "lead in hours (10 %)"),
    "lag_h_median": Text("领先小时（中位）", "lead in hours (median)"),
    "lag_h_q90": Text("领先小时（九成分位）", "lead in hours (90 %)"),
    "top10_share": Text("前 10 % 的份额", "share of the top 10 %"),
    "lorenz": Text("洛伦兹曲线", "Lorenz curve"),
    "tail_exponent": Text("尾部指数", "tail exponent"),
    "tail_from": Text("尾部起点", "where the tail begins"),
    "goodness_p": Text("拟合检验 p 值", "p-value of the fit"),
    "vuong_lognormal": Text("与对数正态之比较 z", "z against the lognormal"),
    "displacement_index_raw": Text("位移指数（未校正）", "displacement index (uncorrected)"),
    "views_per_post": Text("每件作品播放", "views per post"),
    "interactions_per_post": Text("每件作品互动", "interactions per post"),
    "follower_growth": Text("粉丝增长", "growth of followers"),
    "price": Text("报价", "price"),
    "save_rate": Text("收藏率", "save rate"),
    "share_rate": Text("转发率", "share rate"),
    "engagement_rate": Text("互动率", "engagement rate"),
    "other": Text("对照", "Other"),
    "to": Text("去向", "To"),
    "at": Text("时点", "At"),
    "year": Text("年", "Year"),
    "point": Text("位置", "Point"),
    "convergence": Text("趋同", "Convergence"),
    "renewal": Text("新生", "Renewal"),
    "opportunity": Text("机会", "Opportunity"),
    "profile": Text("平台画像", "Platform profile"),
    "topics": Text("话题传播", "Topics"),
    "share": Text("份额", "share"),
    "amount": Text("数量", "amount"),
    "change": Text("变化量", "change"),
    "share_change": Text("份额变化", "change of share"),
    "growth": Text("增长率", "growth"),
    "displacement_index": Text("位移指数", "displacement index"),
    "rank_mobility": Text("名次流动", "rank mobility"),
    "hhi": Text("集中度 HHI", "concentration HHI"),
    "gini": Text("基尼系数", "Gini coefficient"),
    "top1_share": Text("前 1 % 的份额", "share of the top 1 %"),
    "dimension": Text("维度", "Dimension"),
    "gender": Text("性别", "Gender"),
    "age": Text("年龄", "Age"),
    "city_tier": Text("城市线级", "City tier"),
    "interest": Text("兴趣", "Interest"),
    "female": Text("女", "female"),
    "male": Text("男", "male"),
    "tier_1": Text("一线", "tier 1"),
    "new_tier_1": Text("新一线", "new tier 1"),
    "tier_2": Text("二线", "tier 2"),
    "tier_3": Text("三线", "tier 3"),
    "tier_4": Text("四线", "tier 4"),
    "tier_5": Text("五线", "tier 5"),
    "duration": Text("时长", "Duration"),
    "creators": Text("达人", "Creators"),
    "says": Text("结论", "Verdict"),
    "like_rate": Text("点赞率", "like rate"),
    "comment_rate": Text("评论率", "comment rate"),
    "under_15s": Text("15 秒以内", "under 15 s"),
    "15s_1min": Text("15 秒至 1 分钟", "15 s to 1 min"),
    "1_5min": Text("1 至 5 分钟", "1 to 5 min"),
    "5_30min": Text("5 至 30 分钟", "5 to 30 min"),
    "over_30min": Text("30 分钟以上", "over 30 min"),
    "over_1min": Text("1 分钟以上", "over 1 min"),
    "up to 1 min": Text("1 分钟以内", "up to 1 min"),
    "verdict": Text("判断", "verdict"),
    "growth_p": Text("增长检验 p 值", "p-value of growth"),
    "burst": Text("爆发", "burst"),
    "growing": Text("在兴起", "growing"),
    "mature": Text("已成熟", "mature"),
    "fading": Text("在消退", "fading"),
    "unclear": Text("不明", "unclear"),
    "up": Text("跃升", "up"),
    "down": Text("骤降", "down"),
    "course": Text("转向", "change of course"),
    "ongoing": Text("进行中", "ongoing"),
    "over": Text("已过去", "over"),
    "score": Text("机会得分", "score of room"),
    "demand_growth": Text("需求增长", "growth of demand"),
    "supply_growth": Text("供给增长", "growth of supply"),
    "demand_per_post": Text("每件作品的需求", "demand per post"),
    "price_per_view": Text("每次播放的价格", "price per view"),
    "saves_per_post": Text("每件作品的收藏", "saves per post"),
    "unknown": Text("未知", "unknown"),
    "all": Text("整体", "all"),
    "from_tier": Text("原层级", "From tier"),
    "to_tier": Text("新层级", "To tier"),
}

#: Parts of a quantity, after its point: growth.mix is the part of growth that the mix explains.
PARTS: dict[str, Text] = {
    "market": Text("大盘", "market"),
    "mix": Text("结构", "mix"),
    "own": Text("自身", "own doing"),
    "stayers": Text("留在本层级者", "stayers"),
    "from_below": Text("自下层升入", "from below"),
    "from_above": Text("自上层降入", "from above"),
    "to_above": Text("升往上层", "to above"),
    "to_below": Text("降往下层", "to below"),
    "entry": Text("新进入", "entry"),
    "exit": Text("退出", "exit"),
    "within": Text("同一达人内", "within a creator"),
    "plain": Text("全部作品", "all posts"),
}

#: The canonical tables as people call them.
TABLES: dict[str, Text] = {
    "creators": Text("达人", "Creators"),
    "creator_snapshots": Text("达人快照", "Creator snapshots"),
    "posts": Text("作品", "Posts"),
    "post_snapshots": Text("作品快照", "Post snapshots"),
    "audience_samples": Text("受众样本", "Audience samples"),
    "audience_profiles": Text("受众画像", "Audience profiles"),
    "topics": Text("热榜话题", "Topics"),
    "offers": Text("报价", "Offers"),
    "placements": Text("投放", "Placements"),
    "spend": Text("花费", "Spend"),
    "outcomes": Text("结果指标", "Outcomes"),
    "market": Text("引用的市场数字", "Cited market figures"),
}

#: Categories as collectors and the artificial ecosystem code them; data in words of their own are left as they are.
CATEGORIES: dict[str, Text] = {
    "film_tv": Text("影视", "Film and TV"),
    "tech": Text("科技", "Technology"),
    "food": Text("美食", "Food"),
    "finance": Text("财经", "Finance"),
    "fashion": Text("时尚", "Fashion"),
    "travel": Text("旅行", "Travel"),
    "mother_baby": Text("母婴", "Mother and baby"),
    "comedy": Text("搞笑", "Comedy"),
    "knowledge": Text("知识", "Knowledge"),
    "sports": Text("运动", "Sports"),
    "beauty": Text("美妆", "Beauty"),
    "auto": Text("汽车", "Cars"),
    "health": Text("健康", "Health"),
    "home": Text("家居", "Home"),
    "game": Text("游戏", "Games"),
    "pets": Text("宠物", "Pets"),
}

UNITS: dict[str, Text] = {
    "ratio": Text("比例", "ratio"),
    "share": Text("份额", "share"),
    "rate": Text("比率", "rate"),
    "rank": Text("名次", "rank"),
    "followers": Text("粉丝", "followers"),
    "posts": Text("作品", "posts"),
    "views": Text("播放", "views"),
    "sales": Text("销售额", "sales"),
    "orders": Text("订单", "orders"),
    "likes": Text("点赞", "likes"),
    "comments": Text("评论", "comments"),
    "shares": Text("转发", "shares"),
    "saves": Text("收藏", "saves"),
    "creators": Text("位达人", "creators"),
    "persons": Text("人", "people"),
    "hours": Text("小时", "hours"),
    "h": Text("小时", "h"),
    "days": Text("天", "days"),
    "accounts": Text("账号", "accounts"),
    "interactions": Text("互动", "interactions"),
    "bits": Text("比特", "bits"),
    "bits per year": Text("比特/年", "bits per year"),
    "p-value": Text("p 值", "p-value"),
    "probability": Text("概率", "probability"),
    "exponent": Text("指数", "exponent"),
    "per 30 days": Text("每 30 天", "per 30 days"),
    "per year": Text("每年", "per year"),
    "per window": Text("每个时段", "per window"),
    "z": Text("标准差数", "standard deviations"),
    "times usual": Text("倍（对平常）", "times the usual"),
    "demand per post": Text("需求/作品", "demand per post"),
    "price per view": Text("价格/播放", "price per view"),
    "saves per post": Text("收藏/作品", "saves per post"),
    "ratio of views": Text("占播放的比例", "ratio of views"),
    "rate_card": Text("报价单", "rate card"),
    "creator": Text("该达人的其他形式", "the creator's other formats"),
    "cell": Text("同类达人的水平", "the level of similar creators"),
    "offers": Text("报价", "offers"),
    "declared": Text("已声明", "declared"),
    "fair": Text("合理价", "fair price"),
    "reference": Text("引用的价格", "cited prices"),
    "custom": Text("定制", "made for the brand"),
    "integrated": Text("植入", "integrated"),
    "direct": Text("直发", "posted as given"),
    "channel": Text("账号增长推算", "inferred from the channel's growth"),
    "platform_line": Text("平台一般水平", "the platform's usual level"),
    "followers_ratio": Text("粉丝量乘引用比例", "followers times a cited ratio"),
    "index": Text("指数", "index"),
    "CNY": Text("元", "CNY"),
}

CURRENCIES: dict[str, str] = {
    "CNY": "元",
    "USD": "美元",
    "EUR": "欧元",
    "HKD": "港元",
    "TWD": "新台币",
    "JPY": "日元",
    "GBP": "英镑",
    "SGD": "新加坡元",
}

#: What the plan makes large, by its goal: the figure's name and "so many of …".
GOALS: dict[str, tuple[Text, Text]] = {
    "reach": (Text("触达人数", "People reached"), Text("人", "people")),
    "frequency": (Text("达到频次的人数", "People reached often enough"), Text("人", "people")),
    "engagements": (Text("互动量", "Engagements"), Text("次互动", "engagements")),
    "response": (Text("预期回报", "Expected return"), Text("元回报", "of expected return")),
}


def word(key: str, lang: Lang) -> str:
    """An interface word."""
    return WORDS[key][lang]


def goal_words(goal: str) -> tuple[Text, Text]:
    """The name and the unit of what the plan makes large; an unknown goal reads as reach."""
    kind = next((k for k in GOALS if goal.startswith(k)), "reach")
    times = goal.removeprefix("frequency").strip()
    if kind == "frequency" and times.isdigit():
        return Text(f"至少触达 {times} 次的人数", f"People reached at least {times} times"), GOALS[kind][1]
    return GOALS[kind]


def reads(name: str, lang: Lang) -> str:
    """A word from data as a person reads it: vocabulary, then columns and quantities, then units, else itself.

    A stream of spend (platform/tier/role/format/stage) reads part by part, if all its parts are of the vocabulary.

    >>> reads("douyin", "zh"), reads("share_change", "en"), reads("ratio", "zh"), reads("美妆", "en")
    ('抖音', 'change of share', '比例', '美妆')
    >>> reads("save_rate:within", "zh"), reads("times 5_30min", "zh")
    ('收藏率：同一达人内', '倍（对5 至 30 分钟）')
    >>> reads("douyin/mid/KOL/short_video/purchase", "zh"), reads("tv/national", "en")
    ('抖音 · 腰部 · KOL · 短视频 · 转化', 'tv/national')
    """
    if name in LABELS:
        return label(name, lang)
    found = COLUMNS.get(name) or UNITS.get(name) or CATEGORIES.get(name)
    if found:
        return found[lang]
    if name.startswith("times "):
        other = reads(name.removeprefix("times "), lang)
        return f"倍（对{other}）" if lang == "zh" else f"times that of {other}"
    parts = name.split("/")
    if len(parts) > 1 and all(p in LABELS for p in parts):
        return " · ".join(p if p in _ROLES else label(p, lang) for p in parts)
    whole, dot, part = name.partition(":" if ":" in name else ".")
    if dot and part in PARTS:
        return f"{reads(whole, lang)}{'：' if lang == 'zh' else ': '}{PARTS[part][lang]}"
    return name


def column_word(key: str) -> Text:
    """The name of a column, measure or quantity as people read it, else the name itself."""
    zh, en = reads(key, "zh"), reads(key, "en")
    return Text(zh.replace("_", " "), en.replace("_", " ")) if zh == en == key else Text(zh, en)
