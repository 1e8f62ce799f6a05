// SPDX-License-Identifier: MIT
#include "engines/consul_calls.hpp"

#include <algorithm>
#include <utility>

#include "base/base64.hpp"
#include "base/format.hpp"
#include "base/json_reader.hpp"

namespace coord::engines::consul {

namespace {

bool read_value(JsonReader& in, std::string& value) {
  if (in.next() == 'n') return in.skip();
  std::string text;
  if (!in.string(text)) return false;
  auto bytes = from_base64(text);
  if (!bytes) return in.refuse("a value is not base64");
  value = std::move(*bytes);
  return true;
}

bool read_into(JsonReader& in, Pair& pair) {
  return in.object([&](const std::string& name) {
    if (name == "Key") return in.string(pair.key);
    if (name == "Value") return read_value(in, pair.value);
    if (name == "ModifyIndex") return in.count(pair.changed);
    if (name == "Session") return in.string(pair.session);
    if (name == "Flags") return in.raw(pair.flags_text);
    return in.skip();
  });
}

bool read_result(JsonReader& in, Pair& pair) {
  return in.object([&](const std::string& name) { return name == "KV" ? read_into(in, pair) : in.skip(); });
}

bool read_error(JsonReader& in, Outcome& out) {
  std::uint64_t operation = 0;
  std::string why;
  const bool is_read = in.object([&](const std::string& name) {
    if (name == "OpIndex") return in.count(operation);
    if (name == "What") return in.string(why);
    return in.skip();
  });
  out.is_forbidden |= why.find("Permission denied") != std::string::npos;
  if (is_read) out.failed.push_back(operation);
  return is_read;
}

}  // namespace

// Keys have letters, digits and - . : _ / only.
Transaction& Transaction::add(std::string_view verb, const std::string& key, std::string_view more) {
  text_ +=
      fmt::format(R"({}{{"KV":{{"Verb":"{}","Key":"{}"{}}}}})", text_.empty() ? "" : ",", verb, key, more);
  ++operations_;
  return *this;
}

Transaction& Transaction::set(const std::string& key, std::string_view value) {
  return add("set", key, fmt::format(R"(,"Value":"{}")", base64(value)));
}

Transaction& Transaction::set_if(const std::string& key, std::uint64_t changed, std::string_view value) {
  return add("cas", key, fmt::format(R"(,"Index":{},"Value":"{}")", changed, base64(value)));
}

Transaction& Transaction::get(const std::string& key) {
  return add("get", key, "");
}

Transaction& Transaction::check(const std::string& key, std::uint64_t changed) {
  return add("check-index", key, fmt::format(R"(,"Index":{})", changed));
}

Transaction& Transaction::remove_below(const std::string& prefix) {
  return add("delete-tree", prefix, "");
}

std::optional<Outcome> read_transaction(std::string_view text) {
  JsonReader in(text);
  Outcome out;
  in.object([&](const std::string& name) {
    if (in.next() == 'n') return in.skip();
    if (name == "Results") return in.array([&] { return read_result(in, out.pairs.emplace_back()); });
    if (name == "Errors") return in.array([&] { return read_error(in, out); });
    return in.skip();
  });
  return in.end() ? std::optional(std::move(out)) : std::nullopt;
}

std::optional<Pair> read_pair(std::string_view text) {
  JsonReader in(text);
  Pair pair;
  std::size_t count = 0;
  in.array([&] { return ++count == 1 && read_into(in, pair); });
  return in.end() && count == 1 ? std::optional(std::move(pair)) : std::nullopt;
}

std::optional<std::vector<std::string>> read_keys(std::string_view text) {
  JsonReader in(text);
  std::vector<std::string> keys;
  in.array([&] { return in.string(keys.emplace_back()); });
  return in.end() ? std::optional(std::move(keys)) : std::nullopt;
}

std::optional<std::vector<Pair>> read_pairs(std::string_view text) {
  JsonReader in(text);
  std::vector<Pair> pairs;
  in.array([&] { return read_into(in, pairs.emplace_back()); });
  return in.end() ? std::optional(std::move(pairs)) : std::nullopt;
}

std::optional<std::string> read_session(std::string_view text) {
  JsonReader in(text);
  std::string id;
  in.object([&](const std::string& name) { return name == "ID" ? in.string(id) : in.skip(); });
  const auto is_of_id = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-';
  };
  if (!in.end() || id.empty() || id.size() > 64 || !std::ranges::all_of(id, is_of_id)) return std::nullopt;
  return id;
}

std::string in_path(std::string_view key) {
  std::string out;
  for (const char c : key) {
    const bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                       std::string_view("-._~/").find(c) != std::string_view::npos;
    out += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

std::optional<std::string> read_version(std::string_view text) {
  JsonReader in(text);
  std::string version;
  in.object([&](const std::string& name) {
    if (name != "Config") return in.skip();
    return in.object([&](const std::string& of) { return of == "Version" ? in.string(version) : in.skip(); });
  });
  return in.end() ? std::optional(version.substr(0, 64)) : std::nullopt;
}

std::optional<std::string> read_leader(std::string_view text) {
  JsonReader in(text);
  std::string leader;
  in.string(leader);
  return in.end() ? std::optional(leader.substr(0, 255)) : std::nullopt;
}

}  // namespace coord::engines::consul
