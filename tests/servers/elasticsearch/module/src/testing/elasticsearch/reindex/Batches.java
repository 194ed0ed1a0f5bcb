package testing.elasticsearch.reindex;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.elasticsearch.action.DocWriteRequest;
import org.elasticsearch.action.bulk.BulkItemResponse;
import org.elasticsearch.action.bulk.BulkRequest;
import org.elasticsearch.action.bulk.BulkResponse;
import org.elasticsearch.action.search.SearchRequest;
import org.elasticsearch.action.search.SearchResponse;
import org.elasticsearch.action.search.SearchScrollRequest;
import org.elasticsearch.action.search.ShardSearchFailure;
import org.elasticsearch.client.internal.ParentTaskAssigningClient;
import org.elasticsearch.common.util.concurrent.AbstractRunnable;
import org.elasticsearch.core.TimeValue;
import org.elasticsearch.index.reindex.AbstractBulkByPaginatedSearchRequest;
import org.elasticsearch.index.reindex.BulkByPaginatedSearchResponse;
import org.elasticsearch.index.reindex.BulkByPaginatedSearchTask;
import org.elasticsearch.index.reindex.PaginatedSearchFailure;
import org.elasticsearch.index.reindex.WorkerBulkByPaginatedSearchTaskState;
import org.elasticsearch.rest.RestStatus;
import org.elasticsearch.search.SearchHit;
import org.elasticsearch.search.sort.FieldSortBuilder;
import org.elasticsearch.tasks.TaskCancelledException;
import org.elasticsearch.threadpool.ThreadPool;
import testing.elasticsearch.Version;

/**
 * One search whose hits are written back in batches: what _reindex, _update_by_query and
 * _delete_by_query have in common.
 *
 * <p>Requests, progress, counts and answer are the server's own classes; this is the loop between
 * them. It blocks its thread, which a test server can afford, and runs as one slice whatever
 * {@code slices} says.
 */
final class Batches {
    /** Answers what to write for one hit, or null when nothing is to be written. */
    @FunctionalInterface
    interface Writer {
        DocWriteRequest<?> write(SearchHit hit);
    }

    private final ParentTaskAssigningClient client;
    private final ThreadPool threads;
    private final AbstractBulkByPaginatedSearchRequest<?> request;
    private final BulkByPaginatedSearchTask task;
    private final WorkerBulkByPaginatedSearchTaskState progress;
    private final Writer writer;

    private final List<BulkItemResponse.Failure> failures = new ArrayList<>();
    private final List<PaginatedSearchFailure> searchFailures = new ArrayList<>();
    private final Set<String> writtenIndices = new TreeSet<>();

    Batches(
        ParentTaskAssigningClient client,
        ThreadPool threads,
        AbstractBulkByPaginatedSearchRequest<?> request,
        BulkByPaginatedSearchTask task,
        Writer writer) {
        this.client = client;
        this.threads = threads;
        this.request = request;
        this.task = task;
        this.progress = task.getWorkerState();
        this.writer = writer;
    }

    BulkByPaginatedSearchResponse run() throws InterruptedException {
        long started = System.nanoTime();
        boolean timedOut = false;
        String scroll = null;
        int remaining = request.getMaxDocs() < 0 ? Integer.MAX_VALUE : request.getMaxDocs();
        long previousStarted = System.nanoTime();
        int previousSize = 0;
        try {
            SearchResponse page = client.search(firstPage()).actionGet();
            progress.setTotal(
                Math.min(remaining, Version.value(page.getHits().getTotalHits())));
            while (true) {
                List<DocWriteRequest<?>> writes = new ArrayList<>();
                int size;
                try {
                    scroll = page.getScrollId();
                    timedOut = page.isTimedOut();
                    noteSearchFailures(page.getShardFailures());
                    SearchHit[] hits = page.getHits().getHits();
                    size = Math.min(hits.length, remaining);
                    if (size == 0 || timedOut || searchFailures.isEmpty() == false || stopped()) {
                        break;
                    }
                    waitForThrottle(previousStarted, previousSize);
                    previousStarted = System.nanoTime();
                    progress.countBatch();
                    for (int i = 0; i < size; i++) {
                        DocWriteRequest<?> write = writer.write(hits[i]);
                        if (write == null) {
                            progress.countNoop();
                        } else {
                            writes.add(write);
                        }
                    }
                } finally {
                    page.decRef();
                }
                if (stopped()) {
                    break;
                }
                send(writes);
                remaining -= size;
                previousSize = size;
                if (failures.isEmpty() == false || remaining == 0) {
                    break;
                }
                page = client
                    .searchScroll(new SearchScrollRequest(scroll).scroll(request.getScrollTime()))
                    .actionGet();
            }
        } catch (TaskCancelledException e) {
            if (stopped() == false) {
                throw e;
            }
            // Cancelled between two batches or inside one: the answer says how far it came.
        } finally {
            if (scroll != null) {
                // Not as a child of the task, which may be cancelled: its scroll still has to go.
                client.unwrap().prepareClearScroll().addScrollId(scroll).get();
            }
        }
        if (request.isRefresh() && writtenIndices.isEmpty() == false) {
            client.admin().indices().prepareRefresh(writtenIndices.toArray(String[]::new)).get();
        }
        TimeValue took = TimeValue.timeValueNanos(System.nanoTime() - started);
        return new BulkByPaginatedSearchResponse(
            took, task.getStatus(), failures, searchFailures, timedOut);
    }

    private SearchRequest firstPage() {
        SearchRequest search = request.getSearchRequest();
        search.scroll(request.getScrollTime());
        search.allowPartialSearchResults(false);
        var source = search.source();
        source.trackTotalHits(true);
        Version.withVectors(source);
        if (request.getMaxDocs() >= 0) {
            source.size(Math.min(source.size(), request.getMaxDocs()));
        }
        if (source.sorts() == null || source.sorts().isEmpty()) {
            source.sort(FieldSortBuilder.DOC_FIELD_NAME);
        }
        return search;
    }

    private boolean stopped() {
        return task.isCancelled();
    }

    private void noteSearchFailures(ShardSearchFailure[] shardFailures) {
        for (ShardSearchFailure failure : shardFailures) {
            String node = failure.shard() == null ? null : failure.shard().getNodeId();
            searchFailures.add(new PaginatedSearchFailure(
                failure.getCause(), failure.index(), failure.shardId(), node));
        }
    }

    /** Holds back to {@code requests_per_second}, which may be changed or cancelled meanwhile. */
    private void waitForThrottle(long previousStarted, int previousSize) throws InterruptedException {
        CountDownLatch passed = new CountDownLatch(1);
        progress.delayPrepareBulkRequest(
            threads, previousStarted, previousSize, new AbstractRunnable() {
                @Override
                protected void doRun() {
                    passed.countDown();
                }

                @Override
                public void onFailure(Exception e) {
                    passed.countDown();
                }
            });
        passed.await();
    }

    private void send(List<DocWriteRequest<?>> writes) throws InterruptedException {
        List<DocWriteRequest<?>> pending = writes;
        for (int attempt = 0; pending.isEmpty() == false; attempt++) {
            BulkRequest bulk = new BulkRequest();
            bulk.timeout(request.getTimeout());
            bulk.waitForActiveShards(request.getWaitForActiveShards());
            pending.forEach(bulk::add);
            BulkResponse response = client.bulk(bulk).actionGet();
            List<DocWriteRequest<?>> rejected = new ArrayList<>();
            for (BulkItemResponse item : response.getItems()) {
                boolean busy =
                    item.isFailed() && item.getFailure().getStatus() == RestStatus.TOO_MANY_REQUESTS;
                if (busy && attempt < request.getMaxRetries()) {
                    rejected.add(pending.get(item.getItemId()));
                } else {
                    count(item);
                }
            }
            if (rejected.isEmpty() == false) {
                progress.countBulkRetry();
                long pause = request.getRetryBackoffInitialTime().millis() * (attempt + 1);
                TimeUnit.MILLISECONDS.sleep(pause);
            }
            pending = rejected;
        }
    }

    private void count(BulkItemResponse item) {
        if (item.isFailed()) {
            if (item.getFailure().getStatus() == RestStatus.CONFLICT) {
                progress.countVersionConflict();
                if (request.isAbortOnVersionConflict() == false) {
                    return;
                }
            }
            failures.add(item.getFailure());
            return;
        }
        writtenIndices.add(item.getIndex());
        switch (item.getResponse().getResult()) {
            case CREATED -> progress.countCreated();
            case DELETED -> progress.countDeleted();
            default -> progress.countUpdated();
        }
    }
}
