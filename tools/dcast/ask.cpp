// SPDX-License-Identifier: MIT
// dcast --ask NAME [QUERY]: all answers to a question, or what is made of them.
#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>

#include "base/format.hpp"
#include "cli/json.hpp"
#include "cli/names.hpp"
#include "cli/run.hpp"
#include "dcast/settings.hpp"
#include "process/boot_time.hpp"

namespace coord::dcast {

namespace {

constexpr Duration usual_wait = std::chrono::seconds(10);

std::string trimmed(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  return text;
}

std::optional<double> number_in(const std::string& text) {
  const std::string digits = trimmed(text);
  double value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc{} || end != digits.data() + digits.size() || !std::isfinite(value))
    return std::nullopt;
  return value;
}

std::string text_of_number(double value) {
  constexpr double exact = 9'007'199'254'740'992;
  if (value == std::floor(value) && std::abs(value) < exact)
    return std::to_string(static_cast<std::int64_t>(value));
  return fmt::format("{}", value);
}

struct Reduced {
  std::optional<double> value;
  std::size_t answered = 0;        // that count
  std::vector<std::string> wrong;  // who has answered with a status, or with no number
};

Reduced reduce(Reduce how, const casts::Gathered& gathered) {
  Reduced reduced;
  for (const casts::Answered& one : gathered.answers) {
    const auto number = number_in(one.answer.text);
    const bool wants_number = how == Reduce::sum || how == Reduce::min || how == Reduce::max;
    if (one.answer.status != 0 || (wants_number && !number)) {
      reduced.wrong.push_back(one.member);
      continue;
    }
    ++reduced.answered;
    if (!wants_number) continue;
    const double before = reduced.value.value_or(how == Reduce::sum ? 0 : *number);
    reduced.value = how == Reduce::sum   ? before + *number
                    : how == Reduce::min ? std::min(before, *number)
                                         : std::max(before, *number);
  }
  if (how == Reduce::count) reduced.value = static_cast<double>(reduced.answered);
  return reduced;
}

void print_json(const Settings& settings, const casts::Gathered& gathered, const Reduced& reduced) {
  for (const casts::Answered& one : gathered.answers)
    cli::print(cli::JsonObject()
                   .name("member", one.member)
                   .name("host", one.answer.host)
                   .name("answer", trimmed(one.answer.text))
                   .integer("status", one.answer.status)
                   .line());
  cli::JsonArray missing;
  for (const std::string& member : gathered.missing) missing.text(member);
  cli::JsonObject result;
  result.text("type", "result").text("reduce", name_of(settings.reduce));
  if (reduced.value) {
    result.number("value", *reduced.value);
  } else {
    result.null("value");
  }
  cli::print(result.integer("answered", reduced.answered).array("missing", missing).line());
}

cli::Exit show(const Settings& settings, casts::Gathered gathered) {
  std::ranges::sort(gathered.answers, {}, [](const casts::Answered& one) { return one.member; });
  std::ranges::sort(gathered.missing);
  const Reduced reduced = reduce(settings.reduce, gathered);
  const auto tell = [&](const std::string& text) {
    cli::notice("dcast", fmt::format("{}: {}", cli::shown(settings.name), text));
  };
  if (settings.json) {
    print_json(settings, gathered, reduced);
  } else if (settings.reduce == Reduce::list) {
    for (const casts::Answered& one : gathered.answers)
      if (one.answer.status == 0)
        cli::print(fmt::format("{}: {}\n", cli::shown(one.member), cli::shown(trimmed(one.answer.text))));
  } else if (reduced.value) {
    cli::print(text_of_number(*reduced.value) + "\n");
  }
  if (!gathered.missing.empty()) tell(fmt::format("no answer of {}", cli::shown_names(gathered.missing)));
  for (const casts::Answered& one : gathered.answers)
    if (one.answer.status != 0)
      tell(fmt::format("{} has answered with status {}", cli::shown(one.member), one.answer.status));
  if (!reduced.wrong.empty() && settings.reduce != Reduce::list && settings.reduce != Reduce::count)
    tell(fmt::format("not counted: {}", cli::shown_names(reduced.wrong)));
  if (gathered.answers.empty() && gathered.missing.empty() && !settings.quiet)
    tell("nobody answers to this name");
  const bool all = gathered.missing.empty() && reduced.wrong.empty() && !gathered.answers.empty();
  return all ? cli::Exit::done : cli::Exit::no;
}

}  // namespace

const char* name_of(Reduce how) {
  switch (how) {
    case Reduce::list:
      return "list";
    case Reduce::sum:
      return "sum";
    case Reduce::min:
      return "min";
    case Reduce::max:
      return "max";
    case Reduce::count:
      return "count";
  }
  return "";
}

Result<cli::Exit> ask(const Settings& settings) {
  Exchange what;
  what.request = [&](Duration patience) { return casts::Ask{settings.name, settings.payload, patience}; };
  what.end = process::boot_now() + settings.wait.value_or(usual_wait);
  what.lost = ErrorKind::unavailable;
  what.lost_remedy = "look at its log";
  auto told = exchange(settings, what);
  if (!told) return told.error();
  if (auto* gathered = std::get_if<casts::Gathered>(&*told)) return show(settings, std::move(*gathered));
  cli::notice("dcast",
              fmt::format("{}: too much at once on this host: it was not asked", cli::shown(settings.name)));
  return cli::Exit::no;
}

}  // namespace coord::dcast
