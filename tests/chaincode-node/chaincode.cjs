// A chaincode on Fabric's own shim for Node, made of nothing but calls of its API. Arguments: the package
// id, the address to listen on, and for TLS the server's key and certificate. Prints "ready" when it listens.
'use strict';

const { readFileSync } = require('node:fs');
const shim = require('fabric-shim');

const text = (bytes) => Buffer.from(bytes).toString();

async function collect(iterator) {
    const found = [];
    for (let next = await iterator.next(); ; next = await iterator.next()) {
        if (next.value) {
            found.push(next.value);
        }
        if (next.done) {
            break;
        }
    }
    await iterator.close();
    return found;
}

const functions = {
    async put(stub, key, value) {
        await stub.putState(key, Buffer.from(value));
    },
    async get(stub, key) {
        return text(await stub.getState(key));
    },
    async remove(stub, key) {
        await stub.deleteState(key);
    },
    // The shim lets only one request of a transaction out at a time, whatever the contract does.
    async fill(stub, prefix, count) {
        const keys = Array.from({ length: Number(count) }, (_, index) => `${prefix}${String(index).padStart(4, '0')}`);
        await Promise.all(keys.map((key) => stub.putState(key, Buffer.from(key))));
    },
    async range(stub, start, end) {
        const found = await collect(await stub.getStateByRange(start, end));
        return { count: found.length, last: found.at(-1)?.key };
    },
    async firstOfRange(stub, start, end) {
        const iterator = await stub.getStateByRange(start, end);
        const first = await iterator.next();
        await iterator.close();
        return first.value.key;
    },
    async page(stub, start, end, size, bookmark) {
        const { iterator, metadata } = await stub.getStateByRangeWithPagination(start, end, Number(size), bookmark);
        const keys = (await collect(iterator)).map(({ key }) => key);
        return { keys, fetched: metadata.fetchedRecordsCount, bookmark: metadata.bookmark };
    },
    async putComposite(stub, type, ...attributes) {
        await stub.putState(stub.createCompositeKey(type, attributes), Buffer.from('x'));
    },
    async composite(stub, type, ...attributes) {
        const found = await collect(await stub.getStateByPartialCompositeKey(type, attributes));
        return found.map(({ key }) => stub.splitCompositeKey(key).attributes);
    },
    async history(stub, key) {
        const found = await collect(await stub.getHistoryForKey(key));
        return found.map(({ value, isDelete }) => ({ value: text(value), isDelete }));
    },
    async rich(stub) {
        await stub.getQueryResult('{}');
    },
    async putSecret(stub, collection, key) {
        await stub.putPrivateData(collection, key, stub.getTransient().get('secret'));
    },
    async getSecret(stub, collection, key) {
        return text(await stub.getPrivateData(collection, key));
    },
    async secretHash(stub, collection, key) {
        return Buffer.from(await stub.getPrivateDataHash(collection, key)).toString('hex');
    },
    async secrets(stub, collection) {
        const { iterator } = await stub.getPrivateDataByRange(collection, '', '');
        return (await collect(iterator)).map(({ key }) => key);
    },
    async removeSecret(stub, collection, key) {
        await stub.deletePrivateData(collection, key);
    },
    async purgeSecret(stub, collection, key) {
        await stub.purgePrivateData(collection, key);
    },
    async own(stub, key, mspId) {
        const policy = new shim.KeyEndorsementPolicy();
        policy.addOrgs('PEER', mspId);
        await stub.setStateValidationParameter(key, policy.getPolicy());
    },
    async owners(stub, key) {
        const policy = await stub.getStateValidationParameter(key);
        // The shim answers undefined for a key without a policy.
        return policy?.length ? new shim.KeyEndorsementPolicy(policy).listOrgs() : [];
    },
    async emit(stub, name, payload) {
        stub.setEvent(name, Buffer.from(payload));
    },
    async call(stub, chaincode, ...args) {
        const response = await stub.invokeChaincode(chaincode, args, '');
        return { status: response.status, payload: text(response.payload) };
    },
    async context(stub) {
        const creator = stub.getCreator();
        return {
            channel: stub.getChannelID(),
            txid: stub.getTxID(),
            creator: creator.mspid,
            dated: stub.getTxTimestamp().seconds.toString() !== '0',
            binding: stub.getBinding().length,
        };
    },
    async hang() {
        await new Promise(() => {});
    },
};

class Chaincode {
    async Init() {
        return shim.success();
    }

    async Invoke(stub) {
        const { fcn, params } = stub.getFunctionAndParameters();
        try {
            const result = await functions[fcn](stub, ...params);
            return shim.success(Buffer.from(JSON.stringify(result ?? null)));
        } catch (error) {
            return shim.error(String(error.message));
        }
    }
}

const [ccid, address, key, cert] = process.argv.slice(2);
const tlsProps = key ? { key: readFileSync(key), cert: readFileSync(cert) } : undefined;
shim.server(new Chaincode(), { ccid, address, tlsProps }).start().then(() => console.log('ready'));
