// SPDX-License-Identifier: MIT
#include "engines/native.hpp"

#include <utility>

#include "base/rule.hpp"
#include "engines/native_consul.hpp"
#include "engines/native_etcd.hpp"
#include "engines/native_redis.hpp"
#include "engines/native_zookeeper.hpp"

namespace coord::engines {

namespace {

bool has_terms_of_version(const native::FromTool& what) {
  const auto* put = std::get_if<native::Put>(&what);
  const auto* removal = std::get_if<native::Remove>(&what);
  return (put != nullptr && put->wanted && *put->wanted != 0) || (removal != nullptr && removal->wanted);
}

constexpr char broke[] = "its connection broke before it was answered";

}  // namespace

bool NativeAdapter::may_change(bool has_terms) {
  if (!COORD_RULE_OR(native_change_is_sent_once, job().again && !has_terms, false)) {
    job().may_have_changed = true;
    return true;
  }
  cannot(native::Cannot::Why::unknown, broke);
  return false;
}

void NativeAdapter::answer_not(native::Not what) {
  if (COORD_RULE_OR(native_retry_is_unknown, job().again, false))
    return cannot(native::Cannot::Why::unknown, broke);
  not_changed();
  answer(what);
}

void NativeAdapter::answer_key(std::optional<native::Key> key, bool more) {
  constexpr std::size_t at_once = 512;
  if (key) keys_.keys.push_back(std::move(*key));
  keys_.more = more;
  if (!more || keys_.keys.size() == at_once) answer_keys(std::exchange(keys_, {}));
}

bool NativeAdapter::answer_value(native::Value value) {
  if (value.value.size() > native::longest_value) {
    cannot(native::Cannot::Why::wrong, "its value is longer than 1,000 KiB");
    return false;
  }
  answer(std::move(value));
  return true;
}

std::string native_lacks(EngineUrl::Kind kind, const native::FromTool& what) {
  const bool is_lock = std::holds_alternative<native::Lock>(what);
  switch (kind) {
    case EngineUrl::Kind::postgres:
      if (is_lock)
        return "PostgreSQL has no locks that outlast a connection, and none that end in time: use etcd://, "
               "zookeeper:// or consul://";
      return "PostgreSQL has tables and no keys: use etcd://, zookeeper://, consul:// or redis://";
    case EngineUrl::Kind::redis:
      if (std::holds_alternative<native::Watch>(what))
        return "Redis keeps no history of changes: use etcd://, zookeeper:// or consul://";
      if (has_terms_of_version(what))
        return "Redis has no versions of keys: use etcd://, zookeeper:// or consul://";
      return "";
    default:
      return "";
  }
}

std::unique_ptr<Adapter> make_native_adapter(EngineUrl::Kind kind, bool tls, Access access, std::string host,
                                             std::shared_ptr<NativeJob> job) {
  switch (kind) {
    case EngineUrl::Kind::zookeeper:
      return std::make_unique<NativeZooKeeper>(std::move(access), std::move(host), std::move(job));
    case EngineUrl::Kind::consul:
      return std::make_unique<NativeConsul>(std::move(access), std::move(host), std::move(job));
    case EngineUrl::Kind::redis:
      return std::make_unique<NativeRedis>(std::move(access), std::move(host), std::move(job));
    default:
      return std::make_unique<NativeEtcd>(std::move(access), std::move(host), tls, std::move(job));
  }
}

}  // namespace coord::engines
