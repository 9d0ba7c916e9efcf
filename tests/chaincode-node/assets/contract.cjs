// Assets that have an owner and a value, with the transaction names of Fabric's introductory example, on
// fabric-contract-api. `fabric-chaincode-node server` loads it by the package.json beside it.
'use strict';

const { Contract } = require('fabric-contract-api');

const FIRST = [
    { ID: 'asset1', Color: 'blue', Size: 5, Owner: 'Ada', AppraisedValue: 300 },
    { ID: 'asset2', Color: 'red', Size: 5, Owner: 'Ben', AppraisedValue: 400 },
];

// All endorsers must write the same bytes, so the fields are written in one order.
const encode = ({ ID, Color, Size, Owner, AppraisedValue }) =>
    Buffer.from(JSON.stringify({ AppraisedValue, Color, ID, Owner, Size }));

const made = (ID, Color, Size, Owner, AppraisedValue) =>
    encode({ ID, Color, Size: Number(Size), Owner, AppraisedValue: Number(AppraisedValue) });

class AssetContract extends Contract {
    async InitLedger(context) {
        for (const asset of FIRST) {
            await context.stub.putState(asset.ID, encode(asset));
        }
    }

    async CreateAsset(context, id, color, size, owner, value) {
        if (await this.AssetExists(context, id)) {
            throw new Error(`the asset ${id} exists already`);
        }
        await context.stub.putState(id, made(id, color, size, owner, value));
    }

    async ReadAsset(context, id) {
        const bytes = await context.stub.getState(id);
        if (bytes.length === 0) {
            throw new Error(`the asset ${id} does not exist`);
        }
        return bytes.toString();
    }

    async UpdateAsset(context, id, color, size, owner, value) {
        await this.ReadAsset(context, id);
        await context.stub.putState(id, made(id, color, size, owner, value));
    }

    async DeleteAsset(context, id) {
        await this.ReadAsset(context, id);
        await context.stub.deleteState(id);
    }

    async AssetExists(context, id) {
        return (await context.stub.getState(id)).length > 0;
    }

    async TransferAsset(context, id, owner) {
        const asset = JSON.parse(await this.ReadAsset(context, id));
        await context.stub.putState(id, encode({ ...asset, Owner: owner }));
        return asset.Owner;
    }

    async GetAllAssets(context) {
        const assets = [];
        for await (const { value } of context.stub.getStateByRange('', '')) {
            assets.push(JSON.parse(value.toString()));
        }
        return JSON.stringify(assets);
    }
}

module.exports.contracts = [AssetContract];
