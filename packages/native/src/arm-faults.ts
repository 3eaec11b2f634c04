import { armFaults } from './fault.ts';

armFaults();
